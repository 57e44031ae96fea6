"""A scenario that is ready to be played, as often as wanted from the same start."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.vertex.context import Durations
from tests.faults import Faults
from tests.sandbox.conftest import Storage, Vertex
from tests.titleholder.reconciler.conftest import Notebook, Scene
from tests.titleholder.reconciler.evidence import broken, left_by, unexplained
from tests.titleholder.reconciler.scenarios import SCENARIOS, Scenario
from titleholder.reconciler.engine import Converged

# Copies need names of one length.
_LOCATIONS = (f"crash-{number:05}" for number in itertools.count(1))


@dataclass
class Stage:
    """The scenario; `calls` are the methods that a run calls when nothing goes wrong, `end` what it
    leaves."""

    scenario: Scenario
    faults: Faults
    start: Scene
    calls: list[str] = field(default_factory=list)
    end: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start.location = next(_LOCATIONS)
        self.scenario.prepare(self.start)
        clean = self.scene()
        self.play(clean)
        self.calls = [call["method"] for call in self.made(clean)]
        self.end = left_by(clean)
        assert not self.wrong(clean), self.wrong(clean)

    def scene(self) -> Scene:
        """A copy of the start; faults, calls and traffic of the time before are forgotten."""
        self.faults.clear()
        known = Notebook(events=dict(self.start.notebook.events))
        scene = replace(self.start, notebook=known, location=next(_LOCATIONS))
        self.faults.copy(self.start.location, scene.location)
        return scene

    def play(self, scene: Scene) -> Converged:
        """One attempt, to its end."""
        return scene.play(self.scenario.wish(scene), **self.scenario.rollout)

    def made(self, scene: Scene) -> list[dict[str, Any]]:
        """The calls that were made in the scene."""
        return self.faults.calls(resource=f"*/{scene.location}*")

    def wrong(self, scene: Scene, failed: int = 0) -> list[str]:
        """How the scene differs from what one clean run makes, but for the operations that
        `failed`; and what was ever wrong with it."""
        traffic = self.faults.traffic()
        most = 3 if self.scenario.rollout.get("replacement") == "surge" else 2
        wanted, found = dict(self.end), left_by(scene)
        for key in [key for key in found["events"] if key[0] == "refused"]:
            del found["events"][key]  # It changed nothing.
        once: Counter[str] = wanted.pop("operations")
        started: Counter[str] = found.pop("operations")
        said = [*broken(traffic, most), *unexplained(scene, traffic, {*self.start.notebook.events})]
        if once - started or (started - once).total() != failed:
            said.append(f"these operations were started: {dict(started)} instead of {dict(once)}")
        return said + [
            f"{what}: {found[what]} instead of {wanted[what]}"
            for what in wanted
            if found[what] != wanted[what]
        ]


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory, bucket: Storage) -> Iterator[Vertex]:
    """As the other rollouts' server, with operations that are over when they are looked at twice:
    to look more often is nothing new."""
    home: Path = tmp_path_factory.mktemp("stages")
    server = Vertex(home, bucket.host, durations=Durations(0.2, 0.2, 0.2), faults=True)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def _stages() -> dict[str, Stage]:
    return {}


@pytest.fixture
def stage(_stages: dict[str, Stage], scene: Scene, faults: Faults) -> Callable[[str], Stage]:
    """The stage of that scenario, prepared when first asked for."""

    def find(named: str) -> Stage:
        if named not in _stages:
            _stages[named] = Stage(SCENARIOS[named], faults, replace(scene, notebook=Notebook()))
        _stages[named].faults = faults
        return _stages[named]

    return find
