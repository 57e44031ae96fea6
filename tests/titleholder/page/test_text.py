from datetime import UTC, datetime, timedelta

import pytest

from titleholder.page.text import age


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(hours=71), "2 d"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_ages(ago: timedelta, text: str) -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    assert age(now - ago, now) == text
