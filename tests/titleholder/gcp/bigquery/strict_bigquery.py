"""The sandbox's BigQuery with features that the emulator lacks: job ids that can be used once,
errors, lost responses and queued jobs."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@dataclass(frozen=True)
class Call:
    """One request: `jobs.insert` is `POST jobs`, with its body."""

    what: str
    body: dict[str, Any]

    @property
    def sql(self) -> str:
        """The statement that it runs."""
        query = self.body.get("configuration", {}).get("query", self.body)
        return " ".join(str(query.get("query", "")).split())

    @property
    def job(self) -> str:
        """The id of the job that it starts."""
        return str(self.body.get("jobReference", {}).get("jobId", ""))


Outcome = tuple[int, str, str] | dict[str, Any] | str | None
Rule = Callable[[Call], Outcome]


@dataclass
class StrictBigQuery:
    """A proxy of the emulator at `url`. A rule decides about each call: an error with status,
    reason and message; a JSON object as the response; "lost" for a call that is done without a
    response; None to pass it on. `location` is that of the data, if not any."""

    url: str
    location: str = ""
    calls: list[Call] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    jobs: set[str] = field(default_factory=set)

    def refuse(self, what: str, status: int, reason: str, times: int | None = None) -> None:
        """Answer calls that match `what` with this error, `times` times or always."""
        left = [times]

        def rule(call: Call) -> tuple[int, str, str] | None:
            if not re.search(what, f"{call.what} {call.sql}".strip()) or left[0] == 0:
                return None
            left[0] = None if left[0] is None else left[0] - 1
            return status, reason, f"{reason} it is"

        self.rules.append(rule)

    def queue(self, sql: str, times: int | None = None) -> set[str]:
        """Queue the jobs of statements that match, `times` of them or all, until they are
        cancelled; returns the ids of the queued jobs."""
        queued: set[str] = set()
        seen: set[str] = set()

        def rule(call: Call) -> Outcome:
            verb, _, path = call.what.partition(" ")
            kind, *job = path.split("/")
            if not job and re.search(sql, call.sql):
                job_id = call.job or f"queued-{len(self.calls)}"
                if job_id in seen:
                    return 409, "duplicate", f"Already Exists: Job {job_id}"
                if len(seen) == times:
                    return None
                seen.add(job_id)
                queued.add(job_id)
            elif job and job[0] in seen:
                job_id = job[0]
            else:
                return None
            if job[1:] == ["cancel"]:
                queued.discard(job_id)
            return _job_response(job_id, kind, verb, done=job_id not in queued)

        self.rules.append(rule)
        return queued

    def cancelled(self) -> list[str]:
        """The ids of the jobs whose cancellation was requested."""
        return [call.what.split("/")[1] for call in self.calls if call.what.endswith("/cancel")]

    def answer(self, call: Call) -> Outcome:
        """The outcome of a call; records the job that it starts."""
        outcome = next((outcome for rule in self.rules if (outcome := rule(call))), None)
        if outcome is None and call.job:
            if call.job in self.jobs:
                return 409, "duplicate", f"Already Exists: Job {call.job}"
            self.jobs.add(call.job)
        location = call.body.get("jobReference", call.body).get("location")
        if outcome is None and self.location and call.sql and location != self.location:
            return 404, "notFound", f"Not found: Dataset was not found in location {location}"
        return outcome

    def merges(self) -> list[str]:
        """The ids of the MERGE jobs, including refused ones."""
        return [call.job for call in self.calls if call.sql.startswith("MERGE")]


def _job_response(job: str, kind: str, verb: str, *, done: bool) -> dict[str, Any]:
    """The response to a call of that kind about a queued or cancelled job."""
    reference = {"projectId": "titleholder-local", "jobId": job, "location": "US"}
    if kind == "queries":
        return {"jobReference": reference, "jobComplete": False}
    status: dict[str, Any] = {"state": "DONE" if done else "PENDING"}
    if done:
        status["errorResult"] = {"reason": "stopped", "message": "Job execution was cancelled"}
    query = {"query": "SELECT 1", "useLegacySql": False}
    resource = {
        "jobReference": reference,
        "status": status,
        "configuration": {"jobType": "QUERY", "query": query},
    }
    return {"job": resource} if verb == "POST" and done else resource


@contextmanager
def strict_bigquery(emulator: str) -> Iterator[StrictBigQuery]:
    """The proxy in front of the emulator at that URL."""
    lock = threading.Lock()
    http = httpx.Client(base_url=emulator, trust_env=False, timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = re.sub(r"^/bigquery/v2/projects/[^/]+/|\?.*", "", self.path)
            call = Call(f"{self.command} {path}", json.loads(content) if content else {})
            with lock:
                strict.calls.append(call)
                outcome = strict.answer(call)
            if isinstance(outcome, tuple):
                status, reason, message = outcome
                error = {"code": status, "message": message, "errors": [{"reason": reason}]}
                self.answer(status, json.dumps({"error": error}).encode(), "application/json")
                return
            if isinstance(outcome, dict):
                self.answer(200, json.dumps(outcome).encode(), "application/json")
                return
            headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            done = http.request(self.command, self.path, content=content, headers=headers)
            if outcome == "lost":
                self.close_connection = True
                return
            answer = done.content
            if strict.location and re.fullmatch(r"GET datasets/\w+/tables/\w+", call.what):
                answer = json.dumps({**done.json(), "location": strict.location}).encode()
            self.answer(done.status_code, answer, done.headers.get("Content-Type", ""))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do

        def answer(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    strict = StrictBigQuery(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield strict
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        http.close()
