"""Time series and custom descriptors in one SQLite file, which survives a restart."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from google.api.metric_pb2 import MetricDescriptor

from sandbox.monitoring.distributions import Distribution, merged
from sandbox.monitoring.series import SECOND, Identity, Point, Value

KEPT: Final = 42 * 86_400 * SECOND
"""Points are kept for six weeks, as long as Google keeps them at full resolution."""
_APPLICATION: Final = 0x54684D6F  # "ThMo"
_SCHEMA: Final = f"""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA application_id = {_APPLICATION};
    CREATE TABLE IF NOT EXISTS descriptor (type TEXT PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS series (
        id INTEGER PRIMARY KEY,
        metric TEXT NOT NULL,
        identity TEXT NOT NULL UNIQUE
    );
    CREATE INDEX IF NOT EXISTS series_by_metric ON series (metric);
    CREATE TABLE IF NOT EXISTS point (
        series INTEGER NOT NULL,
        "end" INTEGER NOT NULL,
        start INTEGER NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (series, "end")
    ) WITHOUT ROWID;
"""


class MetricStore:
    """Points by series. Every method is atomic and thread-safe."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError, in one sentence, for a file that cannot be used."""
        self._lock = threading.RLock()
        self._pruned = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=1, check_same_thread=False, isolation_level=None
            )
            (application,) = self._db.execute("PRAGMA application_id").fetchone()
            (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if tables and application != _APPLICATION:
                raise sqlite3.DatabaseError("it is the database of another program")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise ValueError(
                f"{path} cannot be used for metrics ({error}); move it away, or delete it to start "
                "without any."
            ) from error

    def add(self, points: Iterable[tuple[Identity, Point]], now: int) -> None:
        """Store points; one that exists for the same end is replaced by the sum of both.

        Points that ended more than KEPT before `now` are deleted.
        """
        with self.transaction():
            for identity, point in points:
                number = self._number(identity)
                old = self._points(number, 'AND "end" = ?', (point.end,))
                value = _sum(old[0].value, point.value) if old else point.value
                self._db.execute(
                    "INSERT OR REPLACE INTO point VALUES (?, ?, ?, ?)",
                    (number, point.end, point.start, _text(value)),
                )
            if now - self._pruned > 3600 * SECOND:
                self._pruned = now
                self._db.execute('DELETE FROM point WHERE "end" < ?', (now - KEPT,))
                self._db.execute(
                    "DELETE FROM series WHERE NOT EXISTS "
                    "(SELECT 1 FROM point WHERE series = series.id)"
                )

    def put(self, points: Sequence[tuple[Identity, Point]], now: int) -> None:
        """As `add`, for points that replace others of the same end."""
        with self.transaction():
            for identity, point in points:
                self._db.execute(
                    'DELETE FROM point WHERE series = ? AND "end" = ?',
                    (self._number(identity), point.end),
                )
            self.add(points, now)

    def identities(self, metric: str) -> list[Identity]:
        """The series of a metric."""
        with self._lock:
            rows = self._db.execute(
                "SELECT identity FROM series WHERE metric = ? ORDER BY identity", (metric,)
            )
            return [_identity(text) for (text,) in rows]

    def points(self, identity: Identity, after: int, until: int) -> list[Point]:
        """The points that end later than `after` and not later than `until`, the oldest first."""
        with self._lock:
            number = self._find(identity)
            return self._points(number, 'AND "end" > ? AND "end" <= ?', (after, until))

    def last(self, identity: Identity, until: int) -> Point | None:
        """The newest point that does not end later than `until`."""
        with self._lock:
            number = self._find(identity)
            found = self._points(number, 'AND "end" <= ?', (until,), "DESC LIMIT 1")
        return found[0] if found else None

    def active(self, after: int) -> set[tuple[str, str]]:
        """The types of metric and resource that have a point which ends later than `after`."""
        with self._lock:
            rows = self._db.execute(
                "SELECT identity FROM series WHERE EXISTS "
                '(SELECT 1 FROM point WHERE series = series.id AND "end" > ?)',
                (after,),
            )
            found = [_identity(text) for (text,) in rows]
        return {(one.metric, one.resource) for one in found}

    def descriptors(self) -> dict[str, Any]:
        """The custom MetricDescriptors by type."""
        with self._lock:
            rows = self._db.execute("SELECT type, body FROM descriptor ORDER BY type").fetchall()
        return {kind: MetricDescriptor.FromString(body) for kind, body in rows}

    def describe(self, descriptor: Any) -> None:
        """Store a custom MetricDescriptor."""
        with self._lock:
            self._db.execute(
                "INSERT OR REPLACE INTO descriptor VALUES (?, ?)",
                (descriptor.type, descriptor.SerializeToString()),
            )

    def forget(self, metric: str) -> None:
        """Delete a custom metric: its descriptor and all its series."""
        with self.transaction():
            self._db.execute(
                "DELETE FROM point WHERE series IN (SELECT id FROM series WHERE metric = ?)",
                (metric,),
            )
            self._db.execute("DELETE FROM series WHERE metric = ?", (metric,))
            self._db.execute("DELETE FROM descriptor WHERE type = ?", (metric,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several calls as one, which an exception undoes. May be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            with self._db:  # commits, or rolls back
                self._db.execute("BEGIN IMMEDIATE")
                yield

    def _find(self, identity: Identity) -> int:
        row = self._db.execute(
            "SELECT id FROM series WHERE identity = ?", (_identity_text(identity),)
        ).fetchone()
        return row[0] if row else -1

    def _number(self, identity: Identity) -> int:
        self._db.execute(
            "INSERT OR IGNORE INTO series (metric, identity) VALUES (?, ?)",
            (identity.metric, _identity_text(identity)),
        )
        return self._find(identity)

    def _points(
        self, number: int, condition: str, values: tuple[int, ...], order: str = ""
    ) -> list[Point]:
        rows = self._db.execute(
            f'SELECT start, "end", value FROM point WHERE series = ? {condition} '
            f'ORDER BY "end" {order}',
            (number, *values),
        )
        return [Point(start, end, _value(text)) for start, end, text in rows]


def _identity_text(identity: Identity) -> str:
    return json.dumps(list(asdict(identity).values()), ensure_ascii=False)


def _identity(text: str) -> Identity:
    metric, metric_labels, resource, resource_labels = json.loads(text)
    return Identity(
        metric,
        tuple((key, value) for key, value in metric_labels),
        resource,
        tuple((key, value) for key, value in resource_labels),
    )


def _text(value: Value) -> str:
    return json.dumps(asdict(value) if isinstance(value, Distribution) else value)


def _value(text: str) -> Value:
    found = json.loads(text)
    if not isinstance(found, dict):
        value: Value = found
        return value
    options, counts = tuple(found.pop("options")), tuple(found.pop("counts"))
    return Distribution(**found, options=options, counts=counts)


def _sum(old: Value, new: Value) -> Value:
    if isinstance(old, Distribution) and isinstance(new, Distribution):
        return merged([old, new])
    total: Any = old
    return total + new  # type: ignore[no-any-return]
