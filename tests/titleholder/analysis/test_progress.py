"""The evaluation of the present challenger, as its events show it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.titleholder.analysis.test_duel_job import CONFIG, NOW
from tests.titleholder.analysis.test_looks import DEPLOYED, DEPLOYED_VIEW, evaluated
from titleholder.analysis.progress import forecast_sentence, progress
from titleholder.events.event import Event
from titleholder.rollout.roles import Roles
from titleholder.rollout.view import View

DAY = timedelta(days=1)
ROLES = Roles("1", "2")
WINDOW = {
    "window_start": (DEPLOYED - 2 * DAY).isoformat(),
    "window_end": DEPLOYED.isoformat(),
}


def evaluations() -> list[Event]:
    """Two looks that decide nothing."""
    events: list[Event] = []
    for day in (1, 2):
        _, events = evaluated(day, events, mean=0.0, targets={})
    return events


def test_the_events_of_this_pair_on_this_endpoint_count() -> None:
    first, last = evaluations()
    others = [
        replace(last, champion_after="7"),
        replace(last, challenger_after="8"),
        replace(last, champion_after=None),
        replace(last, challenger_after=None),
        replace(last, time=DEPLOYED - DAY),  # of another endpoint with that name
        replace(last, endpoint="another"),
        replace(last, action="set_traffic"),
    ]
    view = replace(DEPLOYED_VIEW, created=DEPLOYED)
    found = progress(CONFIG, view, ROLES, [first, last, *others], NOW)
    assert found is not None
    assert found.last == last
    assert found.looks == 2
    assert found.design_text.endswith(f", 2 of {found.design.looks} planned looks so far")
    assert found.design.begins == DEPLOYED
    assert found.expectation == "", "there is evidence of its own"


def test_events_with_the_other_ids_of_both_versions_count() -> None:
    """`update-resources` deploys a version again under the other id of its training run."""

    class DeployedAgain(View):
        def other_id(self, deployed_model_id: str) -> str | None:
            return f"{deployed_model_id}b"

    view = DeployedAgain(**vars(DEPLOYED_VIEW))
    first, last = evaluations()
    before = [replace(first, champion_after="1b"), replace(last, challenger_after="2b")]
    found = progress(CONFIG, view, ROLES, before, NOW)
    assert found is not None
    assert (found.last, found.looks) == (before[1], 2)
    found = progress(CONFIG, DEPLOYED_VIEW, ROLES, before, NOW)
    assert found is not None
    assert (found.last, found.looks) == (None, 0)


def test_before_the_first_look_the_last_duel_says_what_can_be_found() -> None:
    (other,) = evaluated(1, [], **WINDOW)[1]
    other = replace(other, challenger_after="8", versions={"8": "linnerud@8"})
    found = progress(CONFIG, DEPLOYED_VIEW, ROLES, [other], NOW)
    assert found is not None
    assert (found.last, found.looks, found.forecast) == (None, 0, "")
    assert found.design.begins == DEPLOYED
    assert found.expectation.startswith("the smallest improvement that this design finds with 80 %")
    assert "with 1,000 rows a day" in found.expectation
    assert found.expectation.endswith("as in the last duel on linnerud@8")
    # The labels that come too late to count leave fewer rows.
    assert CONFIG.duel is not None
    slow = CONFIG.duel.model_copy(update={"label_delay": 2 * DAY})
    later = progress(CONFIG.model_copy(update={"duel": slow}), DEPLOYED_VIEW, ROLES, [other], NOW)
    assert later is not None
    assert later.expectation != found.expectation
    nothing = progress(CONFIG, DEPLOYED_VIEW, ROLES, [], NOW)
    assert nothing is not None
    assert nothing.expectation == ""


def test_a_challenger_of_unknown_age_begins_with_the_last_change() -> None:
    models = tuple(replace(one, deployed_at=None) for one in DEPLOYED_VIEW.deployed_models)
    view = replace(DEPLOYED_VIEW, deployed_models=models, updated=NOW - DAY)
    for changed, begins in ((view, NOW - DAY), (replace(view, updated=None), NOW)):
        found = progress(CONFIG, changed, ROLES, [], NOW)
        assert found is not None
        assert found.design.begins == begins


def test_without_a_challenger_or_duels_there_is_none() -> None:
    assert progress(CONFIG, DEPLOYED_VIEW, None, [], NOW) is None
    assert progress(CONFIG, DEPLOYED_VIEW, Roles("1"), [], NOW) is None
    assert progress(CONFIG, DEPLOYED_VIEW, Roles("1", "9"), [], NOW) is None, "undeployed"
    without = CONFIG.model_copy(update={"duel": None})
    assert progress(without, DEPLOYED_VIEW, ROLES, [], NOW) is None


FORECAST = {"promotion": 0.83, "rollback": 0.012, "decided_by": None}


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        ({"forecast": FORECAST, "verdict": {"outcome": "hold", "issue": ""}}, "rows: promoted"),
        (
            {"forecast": FORECAST, "verdict": {"outcome": "inconclusive", "issue": "late"}},
            "rows, without the issue late: promoted",
        ),
        ({"forecast": FORECAST, "verdict": {"outcome": "hold", "issue": None}}, "rows: promoted"),
        ({"forecast": FORECAST, "verdict": {"outcome": "promote", "issue": ""}}, ""),
        ({"forecast": FORECAST, "verdict": None}, ""),
        ({"forecast": FORECAST}, ""),
        ({"forecast": None, "verdict": {"outcome": "hold"}}, ""),
        ({"forecast": FORECAST | {"promotion": 2}, "verdict": {"outcome": "hold"}}, ""),
    ],
)
def test_only_an_open_verdict_has_a_forecast(evidence: dict[str, Any], text: str) -> None:
    found = forecast_sentence(evidence)
    assert text in found
    assert bool(found) == bool(text)
    assert forecast_sentence({}) == ""


def test_the_forecast_is_that_of_the_last_verdict() -> None:
    first, last = evaluations()
    evidence = last.evidence | {"forecast": FORECAST, "verdict": {"outcome": "hold", "issue": ""}}
    found = progress(CONFIG, DEPLOYED_VIEW, ROLES, [first, replace(last, evidence=evidence)], NOW)
    assert found is not None
    assert found.forecast == (
        "at the present estimate and rate of rows: promoted by the end with 83 %, rolled back with "
        "1 %; likely undecided until then"
    )
