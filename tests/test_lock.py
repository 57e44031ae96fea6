"""The lock holds every direct dependency, and is what is installed."""

from importlib.metadata import version

from packaging.requirements import Requirement

from tests.conftest import REPOSITORY


def _requirements(name: str) -> list[Requirement]:
    lines = (REPOSITORY / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line[:1].strip() and line[0] != "#"]


def test_every_direct_dependency_is_pinned_as_it_asks() -> None:
    pins = {pin.name: pin for pin in _requirements("requirements.txt")}
    for asked in _requirements("requirements.in"):
        (pin,) = pins[asked.name].specifier
        assert pin.operator == "=="
        assert asked.specifier.contains(pin.version)


def test_what_is_installed_is_the_lock() -> None:
    for pin in _requirements("requirements.txt"):
        if pin.marker is None or pin.marker.evaluate():
            assert pin.specifier.contains(version(pin.name)), pin
