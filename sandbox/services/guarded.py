"""`python -m sandbox.services.guarded bigquery|storage|airflow ARGUMENTS`: start an emulator or
Airflow behind the guard against web pages.

The emulators are changed where Google's clients need it; each change says why.
"""

import json
import re
import sys
from functools import lru_cache
from typing import Any

from starlette.types import ASGIApp

from sandbox.services.browser_guard import (
    REFUSAL,
    BrowserGuard,
    is_browser_request,
    is_google_host,
)


def _bigquery(arguments: list[str]) -> None:
    import sqlglot
    from bqemulator import server
    from bqemulator.api import create_app
    from bqemulator.api.routes import upload
    from bqemulator.cli import main
    from bqemulator.grpc_api import read_servicer
    from bqemulator.jobs import executor

    def create_guarded_app(context: Any) -> Any:
        app = create_app(context)
        app.add_middleware(BrowserGuard)
        return app

    server.create_app = create_guarded_app  # type: ignore[attr-defined]
    _let_results_be_read(read_servicer)
    _refuse_exports(executor)
    # What BigQuery's client for Python declares.
    permitted = upload._is_permitted_media_type
    upload._is_permitted_media_type = lambda media_ct: media_ct == "*/*" or permitted(media_ct)
    # The emulator parses a statement seventeen times, which takes half of its time.
    parse = lru_cache(maxsize=256)(sqlglot.parse_one)
    sqlglot.parse_one = lambda *given, **options: parse(*given, **options).copy()
    main(arguments, prog_name="bqemulator")


def _refuse_exports(executor: Any) -> None:
    """The emulator reads files of Cloud Storage where they are; a file that it wrote there would
    be no object."""
    from bqemulator.domain.errors import InvalidQueryError

    resolve = executor._resolve_uri
    exports = ("execute_extract_job", "_plan_export_shards")

    def resolve_to_read(uri: str, context: Any) -> Any:
        if uri.startswith("gs://") and sys._getframe(1).f_code.co_name in exports:
            raise InvalidQueryError("the sandbox's BigQuery does not export to Cloud Storage")
        return resolve(uri, context)

    executor._resolve_uri = resolve_to_read


def _let_results_be_read(read_servicer: Any) -> None:
    """Give the emulator's Storage Read API the results of queries, which it does not store as
    tables: `to_dataframe` reads all but short ones that way."""
    from bqemulator.jobs.executor import JOB_RESULTS
    from google.cloud.bigquery_storage_v1 import types

    handler = read_servicer.BigQueryReadHandler
    create, resolve = handler._handle_create_read_session, read_servicer._resolve_read_target

    def view_of(table: str) -> str | None:
        found = re.fullmatch(r"projects/[^/]+/datasets/_bqemu_anonymous/tables/(anon\w+)", table)
        return found and found[1]

    def create_with_result(self: Any, data: bytes, context: Any) -> bytes:
        view = view_of(types.CreateReadSessionRequest.deserialize(data).read_session.table)
        jobs = [job for job in [*JOB_RESULTS] if f"anon{job.replace('-', '')}" == view]
        if not jobs:
            return bytes(create(self, data, context))
        connection = self._ctx.engine.connection
        connection.register(view, JOB_RESULTS[jobs[0]])
        try:
            return bytes(create(self, data, context))
        finally:
            connection.unregister(view)

    def resolve_result(read_session: Any, context: Any) -> Any:
        target, view = resolve(read_session, context), view_of(read_session.table)
        return (*target[:3], f'"{view}"', target[4]) if target and view else target

    handler._handle_create_read_session = create_with_result
    read_servicer._resolve_read_target = resolve_result


class _CompactJson:
    """`json` for the emulator of Cloud Storage, which writes the metadata of all objects after each
    change: Python's fast encoder does not indent."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(value: object, indent: int) -> str:
        return json.dumps(value)


def _storage(arguments: list[str]) -> None:
    from gcp_storage_emulator import server, storage
    from gcp_storage_emulator.__main__ import main

    class Guarded(server.RequestHandler):  # type: ignore[misc]
        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            if is_browser_request(self.command, self.headers):
                self.send_error(403, REFUSAL)
                return False
            return True

    class Request(server.Request):  # type: ignore[misc]
        def __init__(self, handler: Any, method: str) -> None:
            super().__init__(handler, method)
            self._base_url = _own_address(handler)
            self._full_url = self._base_url + self._path

    class Response(server.Response):  # type: ignore[misc]
        def json(self, obj: Any) -> None:
            super().json(_with_links(obj, _own_address(self._handler)))

    server.RequestHandler, server.Request, server.Response = Guarded, Request, Response
    storage.json = _CompactJson
    # A GET of it deletes all data, and Google's service has no such path.
    server.HANDLERS = tuple(
        handler for handler in server.HANDLERS if not re.fullmatch(handler[0], "/wipe")
    )
    main(arguments)


def _own_address(handler: Any) -> str:
    """The address of the emulator by which the client of a request calls it."""
    host = handler.headers.get("Host")
    return f"{'https' if is_google_host(host) else 'http'}://{host}"


def _with_links(value: Any, address: str) -> Any:
    """The JSON of a response, with the links of objects at `address`: the emulator stores those of
    the client that uploaded them."""
    if isinstance(value, list):
        return [_with_links(one, address) for one in value]
    if not isinstance(value, dict):
        return value
    nested = {key: _with_links(value[key], address) for key in ("items", "resource") & value.keys()}
    if link := value.get("mediaLink"):
        nested["mediaLink"] = re.sub(r"https?://[^/]*", address, str(link), count=1)
    return {**value, **nested}


def _airflow(arguments: list[str]) -> None:
    import uvicorn
    from airflow.__main__ import main

    run = uvicorn.run

    def run_guarded(_: Any, **options: Any) -> None:
        run("sandbox.services.guarded:airflow_app", factory=True, **options)

    uvicorn.run = run_guarded  # type: ignore[assignment]
    sys.argv[1:] = arguments
    main()  # type: ignore[no-untyped-call]


def airflow_app() -> ASGIApp:
    """Airflow's API and UI behind the guard."""
    from airflow.api_fastapi.main import app

    return BrowserGuard(app, own=True)


if __name__ == "__main__":
    {"bigquery": _bigquery, "storage": _storage, "airflow": _airflow}[sys.argv[1]](sys.argv[2:])
