"""Resources by name in one SQLite file, which survives a restart."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import proto
from google.protobuf.message import DecodeError, Message

# "ThVx": identifies the file's program.
_APPLICATION: Final = 0x54685678
_COLUMNS: Final = ("sequence", "kind", "name", "body")
# Greater than any continuation of a prefix, so that the index can find names by prefix.
_LAST: Final = "\U0010ffff"

M = TypeVar("M", bound=proto.Message | Message)


class Store:
    """Messages of Google's client library, proto-plus or plain, by resource name.

    Every method is atomic and thread-safe. `get` and `list` return copies: a change needs a `put`.
    To read and then write, hold `transaction()` around both.
    """

    def __init__(self, path: Path) -> None:
        """Raises ValueError, in one sentence, for a file that another process has open, that is
        damaged, or that another program wrote."""
        self._path = path
        self._lock = threading.RLock()
        self._after: list[Callable[[], object]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=1, check_same_thread=False, isolation_level=None
            )
        except (sqlite3.Error, OSError) as error:
            raise ValueError(f"{path} cannot be opened ({error}); choose another home.") from error
        try:
            self._open()
        except sqlite3.OperationalError as error:
            self._db.close()
            raise ValueError(
                f"{path} cannot be used ({error}); if another server uses it, stop that one first "
                "or choose another home."
            ) from error
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ValueError(self._unusable(str(error))) from error
        except ValueError:
            self._db.close()
            raise

    def _open(self) -> None:
        # Exclusive: a second server on the same file would fail the operations of the first one as
        # leftovers of a crash.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._check()
        # A write-ahead log survives a kill at any moment; FULL also survives a power failure, as
        # every commit is on the disk before its response is sent.
        self._db.executescript(
            f"""
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            PRAGMA application_id = {_APPLICATION};
            CREATE TABLE IF NOT EXISTS resource (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                body BLOB NOT NULL,
                UNIQUE (kind, name)
            );
            """
        )

    def _check(self) -> None:
        # Before anything is written: the file may belong to another program.
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        tables = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        columns = tuple(row[1] for row in self._db.execute("PRAGMA table_info(resource)"))
        if application not in (0, _APPLICATION) or (tables and columns != _COLUMNS):
            raise ValueError(self._unusable("it is the database of another program"))
        (problem,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if problem != "ok":
            raise ValueError(self._unusable(problem.splitlines()[0]))

    def _unusable(self, reason: str) -> str:
        return (
            f"{self._path} is not a store of the sandbox's Vertex AI, or is damaged ({reason}); "
            "move it away, or delete it to start with an empty store."
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, which an exception rolls back. May be nested."""
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._after.clear()
                self._roll_back()
                raise
            actions, self._after = self._after, []
            for action in actions:
                action()

    def after_commit(self, action: Callable[[], object]) -> None:
        """Call `action` when the transaction is on the disk, before other threads see its changes.

        Outside a transaction it is called at once. It is dropped if the transaction fails.
        """
        with self._lock:
            if self._db.in_transaction:
                self._after.append(action)
            else:
                action()

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # A failed COMMIT may have rolled back.
            self._db.execute("ROLLBACK")

    def put(self, name: str, message: proto.Message | Message) -> None:
        """Store `message` as `name`, and replace the previous one."""
        plain = message if isinstance(message, Message) else type(message).pb(message)
        body = plain.SerializeToString()
        with self._lock:
            self._db.execute(
                "INSERT INTO resource (kind, name, body) VALUES (?, ?, ?) "
                "ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body",
                (type(message).__name__, name, body),
            )

    def get(self, kind: type[M], name: str) -> M | None:
        """The message with this type and name, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM resource WHERE kind = ? AND name = ?", (kind.__name__, name)
            ).fetchone()
        return None if row is None else self._parse(kind, row[0])

    def list(self, kind: type[M], prefix: str) -> list[M]:
        """All messages of this type whose name starts with `prefix`, newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM resource WHERE kind = ? AND name >= ? AND name < ? "
                "ORDER BY sequence DESC",
                (kind.__name__, prefix, prefix + _LAST),
            ).fetchall()
        return [self._parse(kind, body) for (body,) in rows]

    def delete(self, kind: type[proto.Message | Message], name: str) -> None:
        """Delete the message, if it exists."""
        with self._lock:
            self._db.execute(
                "DELETE FROM resource WHERE kind = ? AND name = ?", (kind.__name__, name)
            )

    def copy(self, source: str, target: str) -> None:
        """Copy all messages below the name `source` to `target`, and replace the name in them.

        The names must have the same length: the bodies are not parsed.
        """
        with self.transaction():
            rows = self._db.execute(
                "SELECT kind, name, body FROM resource WHERE name > ? AND name < ? "
                "ORDER BY sequence",
                (f"{source}/", f"{source}/{_LAST}"),
            ).fetchall()
            replacement = (f"{source}/".encode(), f"{target}/".encode())
            self._db.executemany(
                "INSERT INTO resource (kind, name, body) VALUES (?, ?, ?)",
                [
                    (kind, target + name[len(source) :], body.replace(*replacement))
                    for kind, name, body in rows
                ],
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _parse(self, kind: Any, body: bytes) -> Any:
        try:
            plain = issubclass(kind, Message)
            return kind.FromString(body) if plain else kind.deserialize(body)
        except (DecodeError, TypeError) as error:
            raise ValueError(self._unusable(f"a {kind.__name__} cannot be read")) from error
