"""Prints something again and again: `status --watch`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from titleholder.cli.run import INTERRUPTED, or_message
from titleholder.cli.terminal import console, is_plain, show, text

if TYPE_CHECKING:
    from rich.console import RenderableType


def watch(
    read: Callable[[], "RenderableType"],
    every: float,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show what `read` returns, and again `every` so many seconds, in place on a terminal, until
    Ctrl-C; returns INTERRUPTED. An error that a later try may not have is shown instead."""

    def shown() -> "RenderableType":
        return or_message(read, lambda message: text(f"titleholder: {message}", "red"))

    try:
        if is_plain():
            while True:
                show(shown())
                sleep(every)
        from rich.live import Live

        with Live(shown(), console=console(), auto_refresh=False) as live:
            while True:
                sleep(every)
                live.update(shown(), refresh=True)
    except KeyboardInterrupt:
        return INTERRUPTED
