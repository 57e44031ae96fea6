"""A check before roles or split are changed: when the engine asks it, and what its no leaves."""

from collections.abc import Callable

import pytest

from tests.faults import Faults
from tests.titleholder.reconciler.conftest import WEEK, Scene, name
from titleholder.errors import ManualActionRequired, RetryableError
from titleholder.reconciler.engine import Converged
from titleholder.rollout.intents import Promote, SetTrafficPercentage, UndoPromotion
from titleholder.rollout.view import View

A, B, C = (name(week) for week in range(3))


class Check:
    """`asked` has the endpoint's last change at each time; `then` is done at the first."""

    def __init__(self, then: Callable[[], object] | None = None) -> None:
        self.asked: list[str] = []
        self._then = then

    def __call__(self, view: View) -> None:
        self.asked.append(view.labels.get("last-event", "").partition("-")[0])
        if self._then is not None:
            then, self._then = self._then, None
            then()


def no() -> None:
    raise ManualActionRequired("the verdict is outdated; nothing is changed")


@pytest.fixture
def seated(scene: Scene) -> Scene:
    """A champion and a challenger; the endpoint knows since when it and both are there."""
    begun = scene.vertex.clock()
    scene.play(scene.wish(0))
    scene.vertex.clock.advance(WEEK.total_seconds())
    scene.play(scene.wish(1))
    view = scene.view()
    assert view.created is not None
    assert view.updated is not None
    champion, challenger = (view.deployed_model(one).deployed_at for one in (A, B))  # type: ignore[union-attr]
    assert champion is not None
    assert challenger is not None
    assert begun <= view.created < champion < begun + WEEK <= challenger <= view.updated
    return scene


def test_it_is_asked_before_the_write_and_not_once_it_is_done(seated: Scene) -> None:
    check = Check()
    assert isinstance(seated.engine().run(Promote(B), check=check), Converged)
    assert check.asked == ["seat"]
    assert seated.now[0] == {B: 100}
    # Repeated it changes nothing, and so asks nothing: a repeated run stays green.
    assert isinstance(seated.engine().run(Promote(B), check=no_check), Converged)


def no_check(_: View) -> None:
    no()


@pytest.mark.parametrize("intent", [Promote(B), SetTrafficPercentage(B, 50)], ids=str)
def test_its_no_leaves_all_as_it_was(
    seated: Scene, faults: Faults, intent: Promote | SetTrafficPercentage
) -> None:
    before = seated.view()
    for refusal, kind in ((no, ManualActionRequired), (away, RetryableError)):
        faults.clear()
        with pytest.raises(kind):
            seated.engine().run(intent, check=Check(refusal))
        writes = [c for c in faults.calls() if not c["method"].startswith(("get_", "list_"))]
        assert writes == []
    assert seated.view() == before


def away() -> None:
    raise RetryableError("BigQuery is away, so traffic stays as it is")


def test_its_no_comes_before_a_model_leaves_for_the_promotion(seated: Scene) -> None:
    """A previous champion that is deployed leaves before the title is given: not for nothing."""
    seated.play(Promote(B))
    seated.play(UndoPromotion(A))
    seated.vertex.endpoints.update_endpoint(
        endpoint={
            "name": seated.endpoint,
            "labels": {
                **dict(seated.view().labels),
                **{"champion": A, "challenger": B, "challenger-percentage": "10"},
            },
            "traffic_split": {A: 90, B: 10},
        },
        update_mask={"paths": ["labels", "traffic_split"]},
    )
    deployed = [seat.id for seat in seated.view().deployed_models]
    with pytest.raises(ManualActionRequired):
        seated.engine().run(Promote(B), check=Check(no))
    assert [seat.id for seat in seated.view().deployed_models] == deployed


def test_it_is_asked_again_when_somebody_else_was_faster(seated: Scene) -> None:
    """The write is refused by its etag, and what there is now is another state."""
    check = Check(lambda: seated.play(SetTrafficPercentage(B, 50)))
    seated.engine().run(Promote(B), check=check)
    assert check.asked == ["seat", "share"]


def test_a_write_of_ones_own_is_no_news(scene: Scene, faults: Faults) -> None:
    """An endpoint that no rollout has written to is adopted first, in a write of its own, whose
    answer may be lost."""
    vertex = scene.vertex
    vertex.parent = scene.parent
    vertex.upload(scene.artifact, model_id="m1")
    vertex.upload(scene.artifact, parent_model=f"{scene.parent}/models/m1")
    endpoint = vertex.endpoint("m1", display_name="m1").name
    for number, (one, role) in enumerate(((A, "champion"), (B, "challenger")), 1):
        model = f"{scene.parent}/models/m1@{number}"
        split = {"0": 100} if number == 1 else {"0": 10, A: 90}
        title = f"m1-{role}-model"
        vertex.finish(vertex.deploy(endpoint, model, split, id=one, display_name=title))
    faults.drop("update_endpoint", when="after")
    check = Check()
    scene.engine().run(Promote(B), check=check)
    assert check.asked == [""]
    assert scene.now[0] == {B: 100}


@pytest.mark.parametrize("fault", ["lost before", "lost after", "fails before", "fails after"])
def test_whatever_becomes_of_the_write_a_checked_promotion_ends_well(
    seated: Scene, faults: Faults, fault: str
) -> None:
    how, when = fault.split()
    if how == "lost":
        faults.drop("update_endpoint", when=when)
    else:
        faults.answer("update_endpoint", "UNAVAILABLE", when=when)
    check = Check()
    for _ in range(2):  # The run, and another attempt.
        assert isinstance(seated.engine().run(Promote(B), check=check), Converged)
    assert seated.now[0] == {B: 100}
    assert check.asked == ["seat"] * (2 if when == "before" else 1)
    promotions = [e for e in seated.notebook.events.values() if e.action == "promote"]
    assert len(promotions) == 1
