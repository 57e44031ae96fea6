"""Inputs in Cloud Storage: JSON Lines, CSV and lists of files."""

import base64
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from google.api_core.exceptions import GoogleAPIError
from google.api_core.exceptions import NotFound as NoObject
from google.cloud.storage import Client

from sandbox.vertex.batch.instances import Input
from sandbox.vertex.batch.wildcards import literal_prefix, matcher
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument, NotFound
from sandbox.vertex.prediction.clients import NO_RETRY

LONGEST: Final = 10_000_000
"""The bytes of the longest line, and of the largest file in a list: the limit of a request."""


class FileSource:
    """The inputs in the objects of some gs:// URIs, which may have wildcards.

    Objects are downloaded one after the other to a file in `folder`, so that memory is bounded.
    `columns` are those of the first CSV file's header, and None for another format; `problems` has
    a sentence for each object that could not be read so far.
    """

    schema: Sequence[Any] | None = None

    def __init__(self, client: Client, uris: Sequence[str], format_: str, folder: Path) -> None:
        """Raises NotFound if a URI has no object, InvalidArgument if no CSV file has a header,
        FailedPrecondition if Cloud Storage fails."""
        self._client = client
        self._format = format_
        self._file = folder / "input"
        self._objects = self._found(uris)
        self.problems: list[str] = []
        self.columns: tuple[str, ...] | None = None
        if format_ == "csv":
            for uri in self._objects:
                if self._download(uri):
                    with self._open() as file:
                        self.columns = _header(file.readline())
                    break
            if not self.columns:
                raise InvalidArgument(
                    f"{self._objects[0]} has no header: the first line of a CSV file must have the "
                    "names of its columns, each once."
                )
            self.problems.clear()

    def rows(self) -> Iterator[Input]:
        """All inputs, in the order of the URIs and of the objects' names."""
        for uri in self._objects:
            if not self._download(uri):
                continue
            with self._open() as file:
                if self._format == "csv" and _header(file.readline()) != self.columns:
                    self.problems.append(f"{uri} has another header than {self._objects[0]}.")
                    continue
                yield from self._lines(file, uri)

    def _lines(self, file: Any, uri: str) -> Iterator[Input]:
        number = 1 if self._format == "csv" else 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                while line and not line.endswith("\n"):
                    line = file.readline(LONGEST)
                yield Input(None, error=f"{uri}, line {number}: it has more than {LONGEST} bytes")
            elif line.strip():
                try:
                    yield self._input(line.rstrip("\r\n"))
                except (ValueError, csv.Error) as error:
                    raw = line.strip()[:1000]
                    yield Input(None, raw, f"{uri}, line {number}: {error}")

    def _input(self, line: str) -> Input:
        if self._format == "jsonl":
            return Input(json.loads(line, parse_constant=_refuse))
        if self._format == "file-list":
            return self._listed(line.strip())
        assert self.columns is not None
        # A cell without quotation marks is a number.
        cells = next(csv.reader([line], quoting=csv.QUOTE_NONNUMERIC, strict=True))
        if len(cells) != len(self.columns):
            raise ValueError(f"it has {len(cells)} cells, and the header {len(self.columns)}")
        return Input(dict(zip(self.columns, cells, strict=True)))

    def _listed(self, uri: str) -> Input:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        if not uri.startswith("gs://") or not bucket or not name:
            raise ValueError(f"{uri[:200]!r} is not gs://BUCKET/OBJECT")
        try:
            # One byte more than allowed is enough to refuse it.
            content = (
                self._client.bucket(bucket)
                .blob(name)
                .download_as_bytes(end=LONGEST, retry=NO_RETRY)
            )
        except (GoogleAPIError, OSError) as error:
            raise ValueError(f"{uri} cannot be read: {_reason(error)}") from error
        if len(content) > LONGEST:
            raise ValueError(f"{uri} has more than {LONGEST} bytes")
        return Input({"b64": base64.b64encode(content).decode()}, uri)

    def _found(self, uris: Sequence[str]) -> list[str]:
        found: dict[str, None] = {}
        for uri in uris:
            bucket, _, pattern = uri.removeprefix("gs://").partition("/")
            matches, prefix = matcher(pattern).fullmatch, literal_prefix(pattern)
            try:
                blobs = self._client.list_blobs(bucket, prefix=prefix, retry=NO_RETRY)
                names = sorted(blob.name for blob in blobs if matches(blob.name))
            except NoObject:
                names = []  # the bucket does not exist
            except (GoogleAPIError, OSError) as error:
                raise FailedPrecondition(f"{uri} cannot be listed: {_reason(error)}.") from error
            names = [name for name in names if not name.endswith("/")]
            if not names:
                raise NotFound(f"No object matches {uri}; correct input_config.gcs_source.uris.")
            found |= dict.fromkeys(f"gs://{bucket}/{name}" for name in names)
        return list(found)

    def _download(self, uri: str) -> bool:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        try:
            self._client.bucket(bucket).blob(name).download_to_filename(self._file, retry=NO_RETRY)
        except (GoogleAPIError, OSError) as error:
            self.problems.append(f"{uri} cannot be read: {_reason(error)}.")
            return False
        return True

    def _open(self) -> Any:
        # A line that is no UTF-8 has replacement characters.
        return self._file.open(encoding="utf-8-sig", errors="replace", newline="\n")


def _header(line: str) -> tuple[str, ...]:
    """The names in a CSV file's first line; nothing if one is missing or there twice."""
    try:
        names = tuple(next(csv.reader([line.strip("\r\n")], strict=True), ()))
    except csv.Error:
        return ()
    return names if all(names) and len(set(names)) == len(names) else ()


def _reason(error: Exception) -> str:
    return str(getattr(error, "message", "") or error).rstrip(".")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
