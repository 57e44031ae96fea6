"""The guard of a deployed DAG file, which checks the release that the file was deployed with.

Composer syncs dags/ and plugins/ separately and file by file. So every release of the package and
the models' files has a separate folder, named by its content, and a DAG file names its release: it
runs with the complete release, or fails with an import error of one sentence.
"""

import ast
import hashlib
import inspect
import io
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence

FOLDER = "plugins/titleholder-"


def digest(files: Mapping[str, bytes]) -> str:
    """12 hexadecimal digits of the files' names (relative, with `/`) and contents."""
    lines = (f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in files.items())
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:12]


# Its source is copied into the DAG file, so it imports inside.
def use_release(release: str) -> None:
    """Put the release's folder first on Python's path. Raises ImportError when the folder is
    missing or differs from the deployed release."""
    import hashlib
    import sys
    from pathlib import Path

    wait = "wait until the bucket has synced, which takes minutes, or run `make deploy` again"
    name = f"titleholder-{release}"
    folder = next((p for p in (Path(entry, name) for entry in sys.path) if p.is_dir()), None)
    if folder is None:
        raise ImportError(f"plugins/{name}, which this DAG file needs, has not arrived yet; {wait}")
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder).as_posix()}\n"
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts and path.is_file()
    )
    if hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:12] != release:
        raise ImportError(f"plugins/{name} is incomplete, or was changed by hand; {wait}")
    other = sys.modules.get("titleholder")
    if other is not None and folder not in Path(str(other.__file__)).parents:
        raise ImportError(f"another titleholder than plugins/{name} is loaded; restart Airflow")
    sys.path.insert(0, str(folder))


def with_guard(source: bytes, release: str) -> bytes:
    """The DAG file `source` with the guard before its first statement, but after comments,
    docstring and `from __future__` imports.

    Raises SyntaxError or UnicodeDecodeError when it is not valid Python.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    body = ast.parse(source).body
    # Not str.splitlines, which, unlike Python, ends a line at a form feed.
    lines = io.StringIO(source.decode(encoding), newline="").readlines()
    at, rest = _after_comments(lines), ""
    if first := list(_must_come_first(body)):
        at = first[-1].end_lineno or at
        following = body[len(first)] if len(first) < len(body) else None
        if following and following.lineno == at:
            # Both are on one line, separated by a semicolon.
            line = lines[at - 1].encode()
            start, end = line[: following.col_offset], line[following.col_offset :]
            lines[at - 1], rest = start.decode(), end.decode()
    guard = f'{inspect.getsource(use_release)}\n\nuse_release("{release}")\n'
    comment = (
        "# The next lines were added by `make deploy`, for the reason in docs/how-to/composer.md.\n"
    )
    return "".join([*lines[:at], f"\n\n{comment}{guard}", rest, *lines[at:]]).encode(encoding)


def _must_come_first(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    for number, statement in enumerate(body):
        match statement:
            case ast.Expr(ast.Constant(str())) if number == 0:
                yield statement
            case ast.ImportFrom(module="__future__"):
                yield statement
            case _:
                return


def _after_comments(lines: Sequence[str]) -> int:
    """The number of empty lines and comments before the first statement."""
    return next(
        (at for at, line in enumerate(lines) if line.strip() and not line.strip().startswith("#")),
        len(lines),
    )
