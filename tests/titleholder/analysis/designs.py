"""Designs and contexts of evaluations, without a model's file."""

from datetime import datetime, timedelta
from typing import Any

from titleholder.analysis.evidence import EvaluationContext
from titleholder.analysis.sequential.design import Design
from titleholder.config.duel import Duel


def design_for(
    rules: Duel, begins: datetime, length: timedelta = timedelta(days=7), looks: int = 7
) -> Design:
    """The design by these rules of a challenger that was deployed then."""
    return Design(
        rules.design or "group_sequential",
        begins,
        begins + length,
        looks,
        rules.alpha,
        rules.rollback_alpha,
        rules.hypothesis,
        rules.margin,
        rules.target,
        rules.loss,
        rules.futility,
        rules.planned_rows or rules.min_rows,
    )


def context_for(rules: Duel, since: datetime, now: datetime, **fields: Any) -> EvaluationContext:
    """The context of the third evaluation of `new`, deployed with its traffic since then."""
    fields = {"analysis_count": 3, "design": design_for(rules, since), **fields}
    return EvaluationContext("old", "new", since, now, **fields)
