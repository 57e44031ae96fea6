"""Operations that fail, that take hours, and that never end."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.titleholder.reconciler.conftest import Scene
from tests.titleholder.reconciler.scenarios import B
from tests.titleholder.reconciler.stage import Stage
from tests.titleholder.reconciler.stage import _server as _server
from tests.titleholder.reconciler.stage import _stages as _stages
from tests.titleholder.reconciler.stage import stage as stage
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.reconciler.engine import Converged, PendingOperation
from titleholder.rollout.intents import Abort

# Which operations the run of a scenario starts; the second of a kind is that of a later step.
STARTED = [
    ("first", "create_endpoint"),
    ("first", "upload_model"),
    ("first", "deploy_model"),
    ("replace", "undeploy_model"),
    ("replace", "upload_model"),
    ("replace", "deploy_model"),
    ("replace-surge", "deploy_model"),
    ("replace-surge", "undeploy_model"),
    ("seat-warm-in-the-way", "undeploy_model"),
    ("promote-keep-none", "undeploy_model"),
    ("roll-back", "undeploy_model"),
    ("reinstate-cold", "undeploy_model"),
    ("reinstate-cold", "deploy_model"),
    ("restore-undeployed", "deploy_model"),
    ("foreign", "deploy_model"),
]


Stages = Callable[[str], Stage]


@pytest.mark.parametrize(("named", "method"), STARTED)
@pytest.mark.parametrize(
    ("status", "raised", "when"),
    [
        ("UNAVAILABLE", RetryableError, "before"),
        ("PERMISSION_DENIED", ManualActionRequired, "after"),
        pytest.param("UNAVAILABLE", RetryableError, "after", marks=pytest.mark.long),
        pytest.param("PERMISSION_DENIED", ManualActionRequired, "before", marks=pytest.mark.long),
    ],
)
def test_an_operation_fails(
    stage: Stages, named: str, method: str, status: str, raised: type[Exception], when: str
) -> None:
    found = stage(named)
    scene = found.scene()
    found.faults.fail_operation(method, status, when=when, message="No more machines.")
    with pytest.raises(raised, match=r"No more machines.*live traffic now goes") as told:
        found.play(scene)
    assert f"{scene.location}/" in str(told.value)  # the operation's name
    found.play(scene)
    assert not found.wrong(scene, failed=when == "before")


@pytest.mark.parametrize(("named", "method"), STARTED)
@pytest.mark.parametrize("remembering", [True, False])
def test_an_operation_takes_hours(
    stage: Stages, named: str, method: str, remembering: bool
) -> None:
    found = stage(named)
    scene = found.scene()
    found.faults.delay_operation(method, 2 * 60 * 60)
    looks: Counter[str] = Counter()
    waiting = None
    while not isinstance(result := _attempt(found, scene, waiting), Converged):
        assert f"{scene.location}/" in result.operation
        looks[result.operation] += 1
        waiting = result if remembering else None
        if looks[result.operation] <= 3:  # Then it is due, and what is loaded takes real time.
            scene.vertex.clock.advance(50 * 60)
    assert max(looks.values()) >= 3
    assert not found.wrong(scene)


@pytest.mark.parametrize(("named", "method"), STARTED)
@pytest.mark.parametrize("mine", [True, False])
def test_an_operation_never_ends(stage: Stages, named: str, method: str, mine: bool) -> None:
    found = stage(named)
    scene = found.scene()
    found.faults.delay_operation(method, 10**9)
    waiting = _ours(found, scene, method)
    if not mine:  # Another attempt, which knows nothing of the first, takes over.
        waiting = _attempt(found, scene, None)
    assert isinstance(waiting, PendingOperation)
    assert bool(waiting.step) is mine
    for _ in range(3):
        scene.vertex.clock.advance(59 * 60)
        assert _attempt(found, scene, waiting) == waiting
    scene.vertex.clock.advance(5 * 60)
    with pytest.raises(ManualActionRequired, match="has not ended in 3:00:00; cancel it") as told:
        _attempt(found, scene, waiting)
    assert waiting.operation in str(told.value)
    scene.vertex.endpoints.cancel_operation({"name": waiting.operation})
    found.play(scene)
    assert not found.wrong(scene, failed=1)


def test_requests_are_taken_from_a_model_while_another_is_deployed(stage: Stages) -> None:
    """Whoever aborts in an emergency waits for no operation."""
    found = stage("replace-surge")
    scene = found.scene()
    found.faults.delay_operation("deploy_model", 2 * 60 * 60)
    _ours(found, scene, "deploy_model")
    before = scene.vertex.clock()
    scene.play(Abort(B))
    assert B not in scene.view().split
    assert scene.vertex.clock() == before


def _attempt(
    found: Stage, scene: Scene, waiting: PendingOperation | None
) -> Converged | PendingOperation:
    """Looks less often than in earnest while it waits in place."""
    clock = scene.vertex.clock
    engine = scene.engine(lambda seconds: clock.advance(10 * seconds), **found.scenario.rollout)
    return engine.run(found.scenario.wish(scene), waiting)


def _ours(found: Stage, scene: Scene, method: str) -> PendingOperation:
    """What the attempt that started the operation says of it."""
    waiting: Converged | PendingOperation | None = None
    for _ in range(1_000):  # What is loaded before it takes real time.
        waiting = _attempt(found, scene, waiting)
        assert isinstance(waiting, PendingOperation)
        if method.partition("_")[0].replace("upload", "register") in waiting.step:
            return waiting
        scene.vertex.clock.advance(1)
    raise AssertionError(f"{method} was not waited for, but {waiting}")
