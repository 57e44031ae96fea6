"""How pytest-xdist shares the tests out among its workers."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/dags/real_airflow",)
"""Folders whose tests share what takes long to start."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """A worker runs the tests of a file, or of a folder in TOGETHER, in turn."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folders = [one for one in TOGETHER if file.startswith(f"{one}/")]
        return folders[0] if folders else str(file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """pytest-xdist's hook: this way of sharing out for `--dist loadfile`."""
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None
