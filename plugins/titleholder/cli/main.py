"""The command `titleholder VERB`."""

import sys
from collections.abc import Sequence

from titleholder.cli.app import app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb, by default with the arguments of the process; returns its exit code, one of
    EXIT_CODES."""
    if arguments is None:
        _skip_unused_imports()
        for stream in (sys.stdout, sys.stderr):
            # A terminal without UTF-8 gets ? for what it cannot show.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(arguments, prog_name="titleholder")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def _skip_unused_imports() -> None:
    """BigQuery's client imports these where they are installed, for results as data frames, which
    takes longer than any verb. Only a process of its own may do without."""
    storage = "google.cloud.bigquery_storage_v1"
    for name in ("pandas", "pandas_gbq", "pyarrow", "db_dtypes", storage):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
