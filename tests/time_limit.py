"""The time limit of a test, also of one whose examples hypothesis makes."""

import signal
from typing import Any

import pytest


class TimeLimitExceeded(BaseException):
    """A test ran longer than it may.

    It is no Exception, nor that of `pytest.fail`: hypothesis would take it for the failure of an
    example, and run the test again without a limit.
    """


def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool:
    """Replaces that of pytest-timeout."""

    def end(*_: object) -> None:
        raise TimeLimitExceeded(f"{item.nodeid} ran longer than {settings.timeout:g} s")

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, settings.timeout)
    item.cancel_timeout = lambda: signal.setitimer(signal.ITIMER_REAL, 0)  # type: ignore[attr-defined]
    return True
