"""Request-response logging: a queue of predictions, and the thread that writes them."""

import json
import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sandbox.vertex.http.resource_names import new_id
from sandbox.vertex.prediction.destination import Destination
from sandbox.vertex.prediction.tables import Tables

_LOG: Final = logging.getLogger(__name__)
# BigQuery recommends 500 rows per request, and accepts 10 MB.
_BATCH_ROWS: Final = 500
_BATCH_BYTES: Final = 4_000_000
_FLUSH_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One prediction to log."""

    destination: Destination
    endpoint: str
    deployed_id: str
    time: datetime
    instances: Sequence[Any]
    predictions: Sequence[Any]
    size: int
    """Bytes of request and response."""


class RequestLog:
    """A bounded queue and one thread that empties it, so that logging never delays a response.

    Entries that do not fit or cannot be written are counted in `lost`; the first loss is logged,
    and so is the first success after it.
    """

    def __init__(
        self, tables: Tables | None, most_entries: int = 10_000, most_bytes: int = 64_000_000
    ) -> None:
        self.lost = 0
        self._tables = tables
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._queue: deque[Entry] = deque()
        self._bytes = 0
        self._losing = False
        self._closing = False
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None

    def put(self, entry: Entry) -> None:
        """Queue an entry, which is written within about a second; never waits, never raises."""
        with self._changed:
            full = (
                len(self._queue) >= self._most_entries
                or self._bytes + entry.size > self._most_bytes
            )
            if not full:
                self._queue.append(entry)
                self._bytes += entry.size
                if len(self._queue) in (1, _BATCH_ROWS):
                    self._changed.notify()
                if self._writer is None:
                    self._writer = threading.Thread(
                        target=self._run, name="vertex-request-log", daemon=True
                    )
                    self._writer.start()
        if full:
            self._lose(1, "they arrive faster than BigQuery can write them")

    def close(self) -> None:
        """Write the remaining entries, for up to 10 seconds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._writer is not None:
            self._writer.join(_CLOSE_SECONDS)
        if self._tables is not None:
            self._tables.close()
        if self._queue:
            self._lose(len(self._queue), "the sandbox stopped before BigQuery had written them")
        if self.lost:
            _LOG.warning("%d predictions were not logged to BigQuery in total.", self.lost)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                self._changed.wait_for(
                    lambda: len(self._queue) >= _BATCH_ROWS or self._closing, _FLUSH_SECONDS
                )
                if not self._queue:
                    return
                batch = list(self._take())
            # Group the entries by table; their order within a table stays.
            batch.sort(key=_table)
            for _, entries in groupby(batch, _table):
                self._write(list(entries))

    def _take(self) -> Iterator[Entry]:
        size = 0
        for _ in range(min(len(self._queue), _BATCH_ROWS)):
            size += self._queue[0].size
            if size > _BATCH_BYTES and size > self._queue[0].size:
                return
            entry = self._queue.popleft()
            self._bytes -= entry.size
            yield entry

    def _write(self, entries: list[Entry]) -> None:
        table = ".".join(_table(entries[0]))
        try:
            if self._tables is None:
                raise ValueError("the server was started without BIGQUERY_EMULATOR_HOST")
            self._tables.append(entries[0].destination, [_row(entry) for entry in entries])
        except Exception as error:
            self._lose(len(entries), f"{table} cannot be written: {error}")
            return
        with self._changed:
            recovered, self._losing = self._losing, False
        if recovered:
            _LOG.warning("Predictions are logged to %s again; %d were lost.", table, self.lost)

    def _lose(self, count: int, reason: str) -> None:
        with self._changed:
            self.lost += count
            first, self._losing = not self._losing, True
        if first:
            _LOG.warning("Predictions are not logged to BigQuery: %s.", reason)


def _table(entry: Entry) -> tuple[str, str]:
    return entry.destination.dataset, entry.destination.table


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "endpoint": entry.endpoint,
        "deployed_model_id": entry.deployed_id,
        "logging_time": entry.time.isoformat(),
        "request_id": new_id(),
        "request_payload": [json.dumps(instance) for instance in entry.instances],
        "response_payload": [json.dumps(prediction) for prediction in entry.predictions],
    }
