"""The duration of `make test`, from the last line of its output."""

import re

from tests.bench.measuring import Options
from tests.bench.results import Bar, Table


def measure(options: Options) -> Table:
    """Read from the log that --suite names; raises ValueError without one."""
    if options.suite is None:
        raise ValueError("name a log: make test > test.log, then --suite test.log")
    text = options.suite.read_text(errors="replace")
    found = re.findall(r"=+ (.*?) in ([\d.]+)s", text)
    if not found:
        raise ValueError(f"{options.suite} has no summary line of pytest")
    summary, seconds = found[-1]
    return Table(
        "`make test`",
        ("", "s"),
        [(summary, f"{float(seconds):.0f}")],
        [Bar("in all", float(seconds) / 60, 10, " min")],
    )
