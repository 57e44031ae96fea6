"""`python -m sandbox up --example`: load the example's data."""

from datetime import UTC, datetime

from sandbox.example import linnerud
from sandbox.state import State
from sandbox.terminal import Terminal


def load_missing(state: State, terminal: Terminal) -> None:
    """Load the example's data, unless its table is there."""
    source = linnerud.Source(state)
    if source.exists():
        terminal.print(f"{source.table} is there, and is left as it is")
        return
    with terminal.progress("loading the example's data"):
        rows = source.fill(datetime.now(UTC))
    terminal.print(f"loaded {source.table}: {rows:,} rows, 12 past weeks and the current week")
