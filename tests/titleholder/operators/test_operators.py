"""Properties of every operator and notifier, also of later ones."""

import importlib
import inspect
import pkgutil

import pytest
from airflow.sdk import BaseNotifier, BaseOperator

from titleholder import alerts, operators

MODULES = [
    importlib.import_module(f"{package.__name__}.{found.name}")
    for package in (operators, alerts)
    for found in pkgutil.iter_modules(package.__path__)
]
CLASSES = sorted(
    {
        found
        for module in MODULES
        for found in vars(module).values()
        if inspect.isclass(found)
        and found.__module__ == module.__name__
        and issubclass(found, BaseOperator | BaseNotifier)
    },
    key=lambda found: found.__name__,
)


def test_operators_and_notifiers_are_found() -> None:
    names = {found.__name__ for found in CLASSES}
    assert {"ApproveOperator", "SubmitDuelOperator", "UpdateTrafficOperator"} <= names
    assert "AlertNotifier" in names


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_no_operator_has_template_fields(kind: type) -> None:
    assert tuple(kind.template_fields) == ()  # type: ignore[attr-defined]
