"""Resources by name, kept in one SQLite file, so that they survive a restart."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import proto
from google.protobuf.message import Message

M = TypeVar("M", bound=proto.Message | Message)


class Store:
    """Messages of Google's client library, proto-plus or plain, under their resource names.

    Every method is atomic and safe to call from any thread. What `get` and `list` return is a
    copy: changing it changes nothing until it is `put` back. For a change that reads first, hold
    `transaction()` around both.
    """

    def __init__(self, path: Path) -> None:
        """Raises ValueError while another process has the file open."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=1, check_same_thread=False, isolation_level=None)
        try:
            self._open()
        except sqlite3.OperationalError as error:
            self._db.close()
            raise ValueError(
                f"{path} cannot be used ({error}); if another server has it, stop that one first "
                "or choose another home."
            ) from error

    def _open(self) -> None:
        # Exclusive: a second server on the same file would take the first one's operations for
        # left-overs of a crash.
        self._db.executescript(
            """
            PRAGMA locking_mode = EXCLUSIVE;
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

    def put(self, name: str, message: proto.Message | Message) -> None:
        """Keep `message` under `name`, in place of what was there."""
        plain = message if isinstance(message, Message) else type(message).pb(message)
        body = plain.SerializeToString()
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
        return None if row is None else _parse(kind, row[0])

    def list(self, kind: type[M], prefix: str) -> list[M]:
        """All messages of that type whose name starts with `prefix`, newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM resource WHERE kind = ? AND substr(name, 1, ?) = ? "
                "ORDER BY sequence DESC",
                (kind.__name__, len(prefix), prefix),
            ).fetchall()
        return [_parse(kind, body) for (body,) in rows]

    def delete(self, kind: type[proto.Message | Message], name: str) -> None:
        """Forget that message; nothing happens when it is not there."""
        with self._lock:
            self._db.execute(
                "DELETE FROM resource WHERE kind = ? AND name = ?", (kind.__name__, name)
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()


def _parse(kind: Any, body: bytes) -> Any:
    return kind.FromString(body) if issubclass(kind, Message) else kind.deserialize(body)
