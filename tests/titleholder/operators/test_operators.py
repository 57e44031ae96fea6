"""What holds for every operator, also for one that is written later."""

import importlib
import inspect
import pkgutil

import pytest
from airflow.sdk import BaseNotifier, BaseOperator

from titleholder import alerts, operators

PARTS = [
    importlib.import_module(f"{package.__name__}.{module.name}")
    for package in (operators, alerts)
    for module in pkgutil.iter_modules(package.__path__)
]
RENDERING = sorted(
    {
        found
        for part in PARTS
        for found in vars(part).values()
        if inspect.isclass(found)
        and found.__module__ == part.__name__
        and issubclass(found, BaseOperator | BaseNotifier)
    },
    key=lambda found: found.__name__,
)


def test_all_are_found() -> None:
    names = {found.__name__ for found in RENDERING}
    assert {"ApproveOperator", "SubmitDuelOperator", "UpdateTrafficOperator"} <= names
    assert "AlertNotifier" in names


@pytest.mark.parametrize("kind", RENDERING, ids=lambda kind: kind.__name__)
def test_airflow_renders_nothing_of_any_operator(kind: type) -> None:
    assert tuple(kind.template_fields) == ()  # type: ignore[attr-defined]
