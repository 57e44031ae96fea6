"""Resources by name, kept in one SQLite file, so that they survive a restart."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import proto

M = TypeVar("M", bound=proto.Message)


class Store:
    """Messages of Google's client library under their resource names.

    Every method is atomic and safe to call from any thread. What `get` and `list` return is a
    copy: changing it changes nothing until it is `put` back. For a change that reads first, hold
    `transaction()` around both.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE IF NOT EXISTS resource (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                body BLOB NOT NULL,
                UNIQUE (kind, name)
            );
            """
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: an exception inside leaves the store as it was. Nests."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def put(self, name: str, message: proto.Message) -> None:
        """Keep `message` under `name`, in place of what was there."""
        body = type(message).pb(message).SerializeToString()
        with self._lock:
            self._db.execute(
                "INSERT INTO resource (kind, name, body) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body",
                (type(message).__name__, name, body),
            )

    def get(self, kind: type[M], name: str) -> M | None:
        """The message of that type and name, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM resource WHERE kind = ? AND name = ?", (kind.__name__, name)
            ).fetchone()
        return None if row is None else kind.deserialize(row[0])

    def list(self, kind: type[M], prefix: str) -> list[M]:
        """All messages of that type whose name starts with `prefix`, newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM resource WHERE kind = ? AND substr(name, 1, ?) = ? "
                "ORDER BY sequence DESC",
                (kind.__name__, len(prefix), prefix),
            ).fetchall()
        return [kind.deserialize(body) for (body,) in rows]

    def delete(self, kind: type[proto.Message], name: str) -> None:
        """Forget that message; nothing happens when it is not there."""
        with self._lock:
            self._db.execute(
                "DELETE FROM resource WHERE kind = ? AND name = ?", (kind.__name__, name)
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()
