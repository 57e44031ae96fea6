"""Where a Unix socket is put when its own folder has too long a name."""

from pathlib import Path

import pytest

from sandbox.socket_folder import socket_folder


def test_a_folder_with_a_short_name_is_taken() -> None:
    folder = Path("/home/me/titleholder/var/sandbox/postgres/socket")
    assert socket_folder(folder, ".s.PGSQL.5432") == folder
    longest = Path("/" + "x" * (103 - len("//.s.PGSQL.5432")))
    assert socket_folder(longest, ".s.PGSQL.5432") == longest


@pytest.mark.parametrize(
    "name",
    ["x" * (104 - len("//.s.PGSQL.5432")), "a b", "a+b", "a,b", "a%b", "a?b", "é", "a'b", "a\nb"],
)
def test_any_other_folder_has_a_short_one_of_its_own(name: str) -> None:
    found = socket_folder(Path("/") / name, ".s.PGSQL.5432")
    assert socket_folder(found, ".s.PGSQL.5432") == found
    assert found == socket_folder(Path("/") / name, ".s.PGSQL.5432")
    assert found != socket_folder(Path("/") / name / "x", ".s.PGSQL.5432")
