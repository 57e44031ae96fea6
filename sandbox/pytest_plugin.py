"""A fixture for pytest: Google Cloud on this machine for all tests that ask for it.

It is there wherever this project is installed. In a test's configuration,
`google_cloud_project` and `google_cloud_location` name its project and its region.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.google_cloud import GoogleCloud


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two settings."""
    parser.addini("google_cloud_project", "id of the fixture's project", default="my-project")
    parser.addini("google_cloud_location", "region of the fixture", default="us-central1")


@pytest.fixture(scope="session")
def google_cloud(pytestconfig: pytest.Config) -> "Iterator[GoogleCloud]":
    """One Google Cloud for the session, from the first test that uses it on; see
    sandbox/google_cloud.py. Tests share it: each needs names of its own."""
    from sandbox.google_cloud import google_cloud

    project = str(pytestconfig.getini("google_cloud_project"))
    location = str(pytestconfig.getini("google_cloud_location"))
    with google_cloud(project, location) as found:
        yield found
