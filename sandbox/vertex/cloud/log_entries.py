"""Cloud Logging: entries are written, listed and deleted, and have no other effect."""

import re
from typing import Any, Final

from google.cloud.logging_v2.types import (
    DeleteLogRequest,
    ListLogEntriesRequest,
    ListLogEntriesResponse,
    ListLogsRequest,
    ListLogsResponse,
    LogEntry,
    WriteLogEntriesRequest,
    WriteLogEntriesResponse,
)
from google.logging.type.log_severity_pb2 import LogSeverity

from sandbox.vertex.context import Context
from sandbox.vertex.http.errors import InvalidArgument, NotFound
from sandbox.vertex.http.filters import Field
from sandbox.vertex.http.listing import list_page
from sandbox.vertex.http.resource_names import new_id

LARGEST_WRITE: Final = 10_000_000
"""Bytes of one call: https://cloud.google.com/logging/quotas."""
# A slash in the id must be encoded: LogEntry.log_name in google/logging/v2/log_entry.proto.
_LOG: Final = re.compile(r"projects/[^/]+/logs/[A-Za-z0-9_.%-]{1,511}")
_FIELDS: Final = {
    "log_name": Field(lambda entry: entry.log_name),
    "insert_id": Field(lambda entry: entry.insert_id),
    "resource.type": Field(lambda entry: entry.resource.type),
    "severity": Field(
        lambda entry: LogSeverity.Name(entry.severity), names=LogSeverity.keys(), ordered=True
    ),
    "text_payload": Field(lambda entry: entry.text_payload),
    "timestamp": Field(lambda entry: entry.timestamp, time=True),
}


class LogEntryService:
    """Methods of google/logging/v2/logging.proto, for the logs of the project."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def write_log_entries(self, request: WriteLogEntriesRequest) -> WriteLogEntriesResponse:
        """Write all entries or none: an invalid one is INVALID_ARGUMENT even with
        `partial_success`. An entry with the log, the time and the id of another replaces it."""
        if WriteLogEntriesRequest.pb(request).ByteSize() > LARGEST_WRITE:
            raise InvalidArgument(f"The request has more than {LARGEST_WRITE} bytes; send less.")
        entries = [self._completed(request, entry) for entry in request.entries]
        if not request.dry_run:
            with self._context.store.transaction():
                for entry in entries:
                    self._context.store.put(_key(entry), entry)
        return WriteLogEntriesResponse()

    def list_log_entries(self, request: ListLogEntriesRequest) -> ListLogEntriesResponse:
        """A page of the project's entries, oldest first unless `order_by` is `timestamp desc`."""
        if not request.resource_names:
            raise InvalidArgument("resource_names is required; name projects/PROJECT.")
        found = [
            entry
            for name in dict.fromkeys(map(self._context.names.canonical, request.resource_names))
            for entry in self._context.store.list(LogEntry, f"{name}/logs/")
        ]
        found.sort(key=lambda entry: (entry.timestamp, entry.insert_id))
        page = list_page(found, request, _FIELDS, {"timestamp": lambda entry: entry.timestamp})
        return ListLogEntriesResponse(entries=page.items, next_page_token=page.next_page_token)

    def list_logs(self, request: ListLogsRequest) -> ListLogsResponse:
        """A page of the names of the logs that have entries."""
        entries = self._context.store.list(LogEntry, f"{request.parent}/logs/")
        names = sorted({entry.log_name for entry in entries})
        page = list_page(names, request, {}, {})
        return ListLogsResponse(log_names=page.items, next_page_token=page.next_page_token)

    def delete_log(self, request: DeleteLogRequest) -> None:
        """Delete all entries of a log; raises NotFound if there are none."""
        store = self._context.store
        with store.transaction():
            entries = store.list(LogEntry, f"{request.log_name}:")
            if not entries:
                raise NotFound(f"Log {request.log_name} has no entries; list the logs.")
            for entry in entries:
                store.delete(LogEntry, _key(entry))

    def _completed(self, request: WriteLogEntriesRequest, sent: LogEntry) -> LogEntry:
        """The entry with the request's log, resource and labels where it has none of its own."""
        entry: Any = LogEntry(sent)
        entry.log_name = entry.log_name or request.log_name
        if not _LOG.fullmatch(entry.log_name):
            raise InvalidArgument(
                f"Invalid log_name {entry.log_name!r}: it must be projects/PROJECT/logs/LOG, with "
                "a slash in LOG as %2F."
            )
        entry.log_name = self._context.names.canonical(entry.log_name)
        if not entry.resource.type:
            entry.resource = request.resource
        if not entry.resource.type:
            raise InvalidArgument("resource.type is required; set it in the request or the entry.")
        entry.labels = {**request.labels, **entry.labels}
        entry.receive_timestamp = now = self._context.clock()
        entry.timestamp = entry.timestamp or now
        entry.insert_id = entry.insert_id or new_id()
        return entry  # type: ignore[no-any-return]


def _key(entry: Any) -> str:
    return f"{entry.log_name}:{entry.timestamp.isoformat()}/{entry.insert_id}"
