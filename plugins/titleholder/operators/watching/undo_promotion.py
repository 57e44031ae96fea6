"""Makes the previous champion champion again, if it is better than a decayed one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from titleholder.config.duel import Duel
from titleholder.data_intervals import period_at
from titleholder.errors import ManualActionRequired
from titleholder.operators.results import Watched
from titleholder.operators.rollout import Change, RolloutOperator, change_context
from titleholder.rollout.drift import resolve_roles
from titleholder.rollout.intents import UndoPromotion
from titleholder.rollout.view import View


class UndoPromotionOperator(RolloutOperator):
    """Skips unless `watch_champion` found the previous champion better; fails, before anything is
    changed, when the roles have changed since, or when the comparison is older than the time
    between two of them, as in a run that is cleared."""

    def __init__(self, *, duel: Duel, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duel = duel

    def change(self, context: Mapping[str, Any]) -> Change:
        """The intent; the comparison is the evidence of its event."""
        watched = self.read_result(context, "watch_champion", Watched.from_xcom)
        if not watched.previous:
            self.skip_with_message(f"the previous champion does not return: {watched.reason}")
        cause, looked = change_context(context), datetime.fromisoformat(watched.looked)

        def check(view: View) -> None:
            roles = resolve_roles(view).roles
            found = roles and (roles.champion, roles.previous_champion, roles.challenger)
            if found != (watched.champion, watched.previous, None):
                raise ManualActionRequired(
                    f"the roles on {view.endpoint} have changed since the previous champion was "
                    "compared; nothing is changed, and the next run compares again"
                )
            if self.clock() - looked > period_at(self.duel.schedule, looked):
                raise ManualActionRequired(
                    f"the previous champion was compared {looked:%Y-%m-%d %H:%M} UTC, which is "
                    "outdated; nothing is changed, and to compare again, clear the run from "
                    "observe on"
                )

        evidence = cause.evidence | watched.evidence
        return Change(UndoPromotion(watched.previous), replace(cause, evidence=evidence), check)
