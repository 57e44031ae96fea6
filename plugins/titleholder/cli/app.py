"""The verbs of the command line. What a verb needs is imported when it is called: `--help`,
completion and wrong usage import nothing of Google's."""

import os
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

import typer

from titleholder.cli import arguments as given
from titleholder.cli.run import run

if TYPE_CHECKING:
    from titleholder.cli.context import CommandContext

P = ParamSpec("P")
app = typer.Typer(
    name="titleholder",
    help="The rollout of a model's endpoint: its state, its history and its changes.",
    epilog="Exit codes: 0 done; 1 refused, failed, or a person has to act; 2 wrong usage; 130 "
    "interrupted.",
    no_args_is_help=True,
    # Plain help costs no time, and can be piped.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _verb(name: str, help_text: str) -> Callable[[Callable[P, int]], Callable[P, int]]:
    """Adds the verb; its function returns the exit code."""

    def add(function: Callable[P, int]) -> Callable[P, int]:
        @wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> int:
            as_json = bool(kwargs.get("json"))
            raise typer.Exit(run(partial(function, *args, **kwargs), as_json=as_json))

        return app.command(name, help=f"{help_text}.")(called)

    return add


def _context(models: Path, model: str) -> "CommandContext":
    from titleholder.cli.context import CommandContext
    from titleholder.config.loader import load_model_by_name

    return CommandContext.of(load_model_by_name(models, model), os.environ)


@_verb(
    "status",
    "Print roles, traffic, last change and evaluation. The split is a bar; `--all` prints one row "
    "for each model, `--watch` prints it until Ctrl-C",
)
def _status(
    model: given.OptionalModel = None,
    all_models: given.All = False,
    watch: given.Watch = False,
    every: given.Every = 10.0,
    json: given.Json = False,
    models: given.Models = given.MODELS,
) -> int:
    if (model is None) != all_models:
        raise typer.BadParameter("name one model, or write --all")
    if json and watch:
        raise typer.BadParameter("--json prints one document; leave --watch out")
    from titleholder.cli.status.status import status, status_of_all

    show = (
        partial(status_of_all, models, os.environ)
        if model is None
        else partial(status, _context(models, model))
    )
    return show(as_json=json, every=every if watch else None)


@_verb("history", "Print the events, or the champion at a time")
def _history(
    model: given.Model,
    at: given.At = None,
    limit: given.Limit = None,
    json: given.Json = False,
    models: given.Models = given.MODELS,
) -> int:
    from titleholder.cli.history import champion, history

    context = _context(models, model)
    if at is not None:
        return champion(context, at, as_json=json)
    return history(context, limit, as_json=json)


@_verb("plan", "Print the calls of an intent, and the split after each. Changes nothing")
def _plan(
    model: given.Model,
    intent: given.Intent = given.DEPLOY,
    percentage: given.OptionalPercentage = None,
    deployed_model_id: given.Target = None,
    json: given.Json = False,
    models: given.Models = given.MODELS,
) -> int:
    from titleholder.cli.plan import plan

    return plan(_context(models, model), intent, deployed_model_id, percentage, as_json=json)


@_verb(
    "design",
    "Print what an evaluation finds by its end. That is: when the evaluation of a challenger ends, "
    "and which improvements it finds by then, with which probability. Changes nothing",
)
def _design(
    model: given.Model,
    at: given.DeployedAt = None,
    weeks: given.Weeks = 4,
    alpha: given.Alpha = None,
    days: given.Days = None,
    rows_per_day: given.RowsPerDay = None,
    variance: given.Variance = None,
    json: given.Json = False,
    models: given.Models = given.MODELS,
) -> int:
    from titleholder.cli.design import design
    from titleholder.cli.design_plan import Assumed

    assumed = Assumed(at, weeks, alpha, days, rows_per_day, variance)
    return design(_context(models, model), assumed, as_json=json)


@_verb(
    "watch",
    "Print the state of the champion: its loss against its reference, and data drift. With "
    "`--weeks` a job scores a version on the last weeks of the source, and the test for decay is "
    "played back",
)
def _watch(
    model: given.Model,
    weeks: given.BacktestWeeks = None,
    json: given.Json = False,
    models: given.Models = given.MODELS,
) -> int:
    context = _context(models, model)
    if weeks is not None:
        from titleholder.cli.watching.backtest import run_backtest

        return run_backtest(context, weeks, as_json=json)
    from titleholder.cli.watching.state import champion_state

    return champion_state(context, as_json=json)


def _change(
    verb: str,
    model: str,
    models: Path,
    json: bool,
    reason: str | None,
    deployed_model_id: str | None = None,
    percentage: int | None = None,
) -> int:
    from titleholder.cli.change import change

    context = _context(models, model)
    return change(context, verb, deployed_model_id, percentage, reason, as_json=json)


def _add_intent(verb: str, help_text: str) -> None:
    """Adds the verb of an intent that needs a deployed model alone."""

    @_verb(verb, help_text)
    def _intent(
        model: given.Model,
        deployed_model_id: given.Target = None,
        reason: given.Reason = None,
        json: given.Json = False,
        models: given.Models = given.MODELS,
    ) -> int:
        return _change(verb, model, models, json, reason, deployed_model_id)


def _add_set_traffic(verb: str, help_text: str) -> None:
    @_verb(verb, help_text)
    def _set_traffic(
        model: given.Model,
        percentage: given.Percentage,
        deployed_model_id: given.Target = None,
        reason: given.Reason = None,
        json: given.Json = False,
        models: given.Models = given.MODELS,
    ) -> int:
        return _change(verb, model, models, json, reason, deployed_model_id, percentage)


def _add_update_resources(verb: str, help_text: str) -> None:
    @_verb(verb, help_text)
    def _update_resources(
        model: given.Model,
        reason: given.Reason = None,
        json: given.Json = False,
        models: given.Models = given.MODELS,
    ) -> int:
        return _change(verb, model, models, json, reason)


_OTHERS = {"set-traffic": _add_set_traffic, "update-resources": _add_update_resources}
for _name, _text in given.INTENT_HELP.items():
    _OTHERS.get(_name, _add_intent)(_name, _text)


@_verb("report", "Write the page of Airflow's UI to one HTML file")
def _report(
    model: given.ModelNames = None,
    out: given.File = Path("titleholder.html"),
    airflow: given.Airflow = None,
    json: given.Json = False,
    models: given.Models = given.MODELS,
) -> int:
    from titleholder.cli.report import report

    return report(models, model or [], out, airflow, as_json=json)


@_verb(
    "validate",
    "Check the YAML files, and print what they lead to. Their compiled pipelines are checked too",
)
def _validate(
    model: given.ModelNames = None,
    json: given.Json = False,
    models: given.Models = given.MODELS,
) -> int:
    from titleholder.cli.validate import validate

    return validate(models, model or [], as_json=json)


@_verb("schema", "Print the JSON Schema of a YAML file, for editors")
def _schema(json: given.Json = True) -> int:
    from titleholder.cli.schema import schema

    return schema()
