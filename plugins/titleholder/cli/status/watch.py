"""Prints something again and again: `status --watch`."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from titleholder.cli.run import INTERRUPTED
from titleholder.cli.terminal import console, is_plain, show, text
from titleholder.gcp.errors import user_message

if TYPE_CHECKING:
    from rich.console import RenderableType


def watch(
    read: Callable[[], "RenderableType"],
    every: float,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Show what `read` returns, and again `every` so many seconds, in place on a terminal, until
    Ctrl-C; returns INTERRUPTED. An error that a later try may not have is shown instead."""
    try:
        if is_plain():
            while True:
                show(_or_error(read))
                sleep(every)
        from rich.live import Live

        with Live(_or_error(read), console=console(), auto_refresh=False) as live:
            while True:
                sleep(every)
                live.update(_or_error(read), refresh=True)
    except KeyboardInterrupt:
        return INTERRUPTED


def _or_error(read: Callable[[], "RenderableType"]) -> "RenderableType":
    try:
        return read()
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        return text(f"titleholder: {message}", "red")
