"""The gate of a deployed DAG file, and the digest that it checks.

Composer syncs dags/ and plugins/ apart and file by file. So every release of the package with the
models' files has a folder of its own, named by its content, and a DAG file names the one that it
was deployed with: it works with that release whole, or it is an import error of one sentence.
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


# It travels in the DAG file, so it imports inside.
def use_release(release: str) -> None:
    """Import `titleholder` from the release's folder alone. Raises ImportError when that is not
    there, or not as it was deployed."""
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
        raise ImportError(f"plugins/{name} is not whole, or was changed by hand; {wait}")
    other = sys.modules.get("titleholder")
    if other is not None and folder not in Path(str(other.__file__)).parents:
        raise ImportError(f"another titleholder than plugins/{name} is loaded; restart Airflow")
    sys.path.insert(0, str(folder))


def with_guard(source: bytes, release: str) -> bytes:
    """The DAG file `source` as it is deployed: with the gate before its first statement, but after
    what must come first: comments, docstring and `from __future__` imports.

    Raises SyntaxError or UnicodeDecodeError for what is no Python.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    body = ast.parse(source).body
    # Not str.splitlines: for that, but not for Python, a form feed ends a line.
    lines = io.StringIO(source.decode(encoding), newline="").readlines()
    at, rest = _after_comments(lines), ""
    if first := list(_must_come_first(body)):
        at = first[-1].end_lineno or at
        following = body[len(first)] if len(first) < len(body) else None
        if following and following.lineno == at:
            # Both on one line, parted by a semicolon, which may end a line as well.
            line = lines[at - 1].encode()
            start, end = line[: following.col_offset], line[following.col_offset :]
            lines[at - 1], rest = start.decode(), end.decode()
    gate = f'{inspect.getsource(use_release)}\n\nuse_release("{release}")\n'
    note = "# The next lines were put here by `make deploy`: docs/composer.md says why.\n"
    return "".join([*lines[:at], f"\n\n{note}{gate}", rest, *lines[at:]]).encode(encoding)


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
    """How many lines there are before the first statement that are empty or a comment."""
    return next(
        (at for at, line in enumerate(lines) if line.strip() and not line.strip().startswith("#")),
        len(lines),
    )
