"""Resources by name, kept in one SQLite file, so that they survive a restart."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import proto
from google.protobuf.message import DecodeError, Message

# "ThVx": which program's the file is.
_APPLICATION: Final = 0x54685678
_COLUMNS: Final = ("sequence", "kind", "name", "body")
# Greater than all that follows a prefix: so the index finds what has it, however much is kept.
_LAST: Final = "\U0010ffff"

M = TypeVar("M", bound=proto.Message | Message)


class Store:
    """Messages of Google's client library, proto-plus or plain, under their resource names.

    Every method is atomic and safe to call from any thread. What `get` and `list` return is a
    copy: changing it changes nothing until it is `put` back. For a change that reads first, hold
    `transaction()` around both.
    """

    def __init__(self, path: Path) -> None:
        """Raises ValueError, in one sentence, for a file that is not this server's to use.

        That is one that another process has open, that is damaged, or that is something else.
        """
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
                f"{path} cannot be used ({error}); if another server has it, stop that one first "
                "or choose another home."
            ) from error
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ValueError(self._refusal(str(error))) from error
        except ValueError:
            self._db.close()
            raise

    def _open(self) -> None:
        # Exclusive: a second server on the same file would take the first one's operations for
        # left-overs of a crash.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._check()
        # With a write-ahead log a process may be killed at any moment, and FULL brings every commit
        # to the disk before it is answered, should the power fail.
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
        # Before anything is written: the file may be somebody else's.
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        tables = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        columns = tuple(row[1] for row in self._db.execute("PRAGMA table_info(resource)"))
        if application not in (0, _APPLICATION) or (tables and columns != _COLUMNS):
            raise ValueError(self._refusal("it is some other program's database"))
        (problem,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if problem != "ok":
            raise ValueError(self._refusal(problem.splitlines()[0]))

    def _refusal(self, why: str) -> str:
        return (
            f"{self._path} is not a store of the sandbox's Vertex AI, or is damaged ({why}); "
            "move it away, or delete it to start anew."
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
                self._db.execute("COMMIT")
            except BaseException:
                self._after.clear()
                self._roll_back()
                raise
            after, self._after = self._after, []
            for work in after:
                work()

    def after_commit(self, work: Callable[[], object]) -> None:
        """Have that done once the transaction is on the disk, and before anybody sees its changes.

        Outside a transaction it is done at once; it is dropped with a transaction that fails.
        """
        with self._lock:
            if self._db.in_transaction:
                self._after.append(work)
            else:
                work()

    def _roll_back(self) -> None:
        if self._db.in_transaction:  # A COMMIT that fails may have done so already.
            self._db.execute("ROLLBACK")

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
        return None if row is None else self._parse(kind, row[0])

    def list(self, kind: type[M], prefix: str) -> list[M]:
        """All messages of that type whose name starts with `prefix`, newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM resource WHERE kind = ? AND name >= ? AND name < ? "
                "ORDER BY sequence DESC",
                (kind.__name__, prefix, prefix + _LAST),
            ).fetchall()
        return [self._parse(kind, body) for (body,) in rows]

    def delete(self, kind: type[proto.Message | Message], name: str) -> None:
        """Forget that message; nothing happens when it is not there."""
        with self._lock:
            self._db.execute(
                "DELETE FROM resource WHERE kind = ? AND name = ?", (kind.__name__, name)
            )

    def copy(self, source: str, target: str) -> None:
        """Keep all that is below the name `source` below `target`, too, and what refers to it.

        The names must be equally long, as the bodies are not parsed.
        """
        with self.transaction():
            rows = self._db.execute(
                "SELECT kind, name, body FROM resource WHERE name > ? AND name < ? "
                "ORDER BY sequence",
                (f"{source}/", f"{source}/{_LAST}"),
            ).fetchall()
            self._db.executemany(
                "INSERT INTO resource (kind, name, body) VALUES (?, ?, ?)",
                [
                    (kind, target + name[len(source) :], body.replace(*map(str.encode, pair)))
                    for kind, name, body in rows
                    for pair in [(f"{source}/", f"{target}/")]
                ],
            )

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _parse(self, kind: Any, body: bytes) -> Any:
        try:
            plain = issubclass(kind, Message)
            return kind.FromString(body) if plain else kind.deserialize(body)
        except (DecodeError, TypeError) as error:
            raise ValueError(self._refusal(f"a {kind.__name__} cannot be read")) from error
