"""The names of deployed models in messages."""

from dataclasses import replace

from tests.titleholder.rollout.scenes import NEW, OLD, OLDEST, PAIR, deployed, foreign, run, view
from titleholder.rollout.display_names import listed, version_text


def test_a_deployed_model_is_named_by_its_version() -> None:
    assert version_text(PAIR, OLD) == "m1@9"
    assert version_text(PAIR, OLDEST) == "m1@7", "registered, and not deployed"
    assert version_text(replace(PAIR, versions=()), OLDEST) == f"id {OLDEST}"
    assert version_text(PAIR, None) == ""


def test_two_deployed_models_of_one_version_have_their_ids() -> None:
    again = replace(deployed(1), id="7")
    three = view(deployed(1, 90), again, deployed(0, 10))
    assert version_text(three, OLD) == f"m1@9 (id {OLD})"
    assert version_text(three, "7") == "m1@9 (id 7)"
    assert version_text(three, NEW) == "m1@10"


def test_a_list_of_models_has_ids_and_display_names() -> None:
    assert listed([deployed(1), foreign("7")]) == (
        f"m1@9 (id {OLD}, {run(1).name}), x@1 (id 7, theirs)"
    )
