"""Every action has a group, a colour and an icon."""

import pytest

from titleholder.events.event import NO_CHANGE_ACTIONS, Action
from titleholder.page.event_kinds import event_kind


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_look_of_its_own(action: Action) -> None:
    assert event_kind(action).icon != event_kind("of_another_version").icon
    assert (event_kind(action).group == "changes") == (action not in NO_CHANGE_ACTIONS)


def test_an_action_of_another_version_is_a_change() -> None:
    assert (event_kind("moved").group, event_kind("moved").tone) == ("changes", "plain")
