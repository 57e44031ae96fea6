"""The arguments of the command line: their types, their help, and the completion of names."""

import math
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from titleholder.release import DAGS_FOLDER

MODELS = DAGS_FOLDER / "models"
DEPLOY = "deploy"
"""The intent of the next weekly run."""
INTENT_HELP = {
    "promote": "Make the challenger champion, with all traffic. The previous champion stays "
    "deployed, unless the model's file says otherwise",
    "rollback": "Undeploy the challenger. Its traffic goes to the champion first",
    "abort": "Take all traffic from the challenger. It goes to the champion, and the challenger "
    "stays deployed",
    "set-traffic": "Give the challenger a percentage of the traffic. A challenger that was aborted "
    "becomes challenger again",
    "undo-promotion": "Make the previous champion champion again. It receives all traffic",
    "update-resources": "Apply the machine settings of the model's file. All deployed models get "
    "them; one that needs other machines is deployed again beside itself first",
    "adopt": "Record the endpoint as it was changed by hand",
    "restore": "Return the endpoint to what was recorded. It was changed by hand since then",
}
"""Verb to help, for each of INTENTS, whose import would take longer than `--help`."""
PLANNED = [DEPLOY, *INTENT_HELP]


def _models(context: typer.Context, incomplete: str) -> Iterable[str]:
    """The names of models that begin so, for the shell's completion."""
    folder = context.params.get("models") or MODELS
    return sorted(path.stem for path in folder.glob("*.yaml") if path.stem.startswith(incomplete))


def _intents(incomplete: str) -> Iterable[str]:
    return [name for name in PLANNED if name.startswith(incomplete)]


def _intent(text: str) -> str:
    if text in PLANNED:
        return text
    close = get_close_matches(text, PLANNED, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"write one of {', '.join(PLANNED)}"
    raise typer.BadParameter(f"{text!r} is not an intent; {hint}")


def _whole(text: str, what: str, most: int | None = None) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= (most or int(text)):
        limits = f"1 to {most}" if most else "1 or more"
        raise typer.BadParameter(f"{text!r} is not a number of {what}; write {limits}")
    return int(text)


def _events(text: str) -> int:
    return _whole(text, "events")


def _weeks(text: str) -> int:
    return _whole(str(text), "weeks", 104)


def _positive(text: str) -> float:
    with suppress(ValueError):
        if 0 < (found := float(text)) < math.inf:
            return found
    raise typer.BadParameter(f"{text!r} is not a number above 0")


def _alpha(text: str) -> float:
    found = _positive(text)
    if found > 0.25:
        raise typer.BadParameter(f"{text!r} is too large; write at most 0.25")
    return found


def _days(text: str) -> float:
    found = _positive(text)
    if found > 366:
        raise typer.BadParameter(f"{text!r} is too long; write at most 366")
    return found


def _reason(text: str) -> str:
    from titleholder.reconciler.recorder import MAX_REASON_LENGTH

    if not 0 < len(text.strip()) <= MAX_REASON_LENGTH:
        raise typer.BadParameter(f"write 1 to {MAX_REASON_LENGTH} characters")
    return text.strip()


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time; write 2026-11-16 or 2026-11-16T03:00Z"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_A_MODEL = "the name of a YAML file in dags/models"
Models = Annotated[
    Path,
    # First of all, as the names of models are completed from this folder.
    typer.Option("--models", metavar="FOLDER", help="the folder of YAML files", is_eager=True),
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help=_A_MODEL, autocompletion=_models)]
OptionalModel = Annotated[
    str | None, typer.Argument(metavar="MODEL", help=_A_MODEL, autocompletion=_models)
]
ModelNames = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL...", help="only these models (default: all)", autocompletion=_models
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]

All = Annotated[bool, typer.Option("--all", help="one row for each model of the folder")]
Watch = Annotated[bool, typer.Option("--watch", help="print it again and again, until Ctrl-C")]
Every = Annotated[
    float,
    typer.Option(
        "--every", parser=_positive, metavar="SECONDS", help="the pause of `--watch` (default 10)"
    ),
]
At = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        parser=_time,
        metavar="TIME",
        help="print the champion at that time, and why: 2026-11-16, 2026-11-16T03:00Z",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", parser=_events, metavar="N", help="print only the last N events"),
]
Intent = Annotated[
    str,
    typer.Argument(
        parser=_intent,
        metavar="INTENT",
        help=f"{', '.join(PLANNED)}; by default {DEPLOY}, that of the next weekly run",
        autocompletion=_intents,
    ),
]
OptionalPercentage = Annotated[
    int | None, typer.Argument(metavar="PERCENTAGE", help="for set-traffic: 1 to 99")
]
Percentage = Annotated[int, typer.Argument(metavar="PERCENTAGE", help="1 to 99")]
Target = Annotated[
    str | None,
    typer.Option(
        "--deployed-model-id",
        metavar="ID",
        help="the deployed model, if not the one that has the role now",
    ),
]
Reason = Annotated[
    str | None,
    typer.Option(
        "--reason", parser=_reason, metavar="REASON", help="why; kept as evidence of the event"
    ),
]
DeployedAt = Annotated[
    datetime | None,
    typer.Option("--at", parser=_time, metavar="TIME", help="when it is deployed, instead of now"),
]
Weeks = Annotated[
    int,
    typer.Option(
        "--weeks",
        parser=_weeks,
        metavar="N",
        help="the last weeks of the source that are read (default 4)",
    ),
]
BacktestWeeks = Annotated[
    int | None,
    typer.Option(
        "--weeks",
        parser=_weeks,
        metavar="N",
        help="play the test back over the last weeks of the source, by a pipeline job",
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        "--alpha", parser=_alpha, metavar="ALPHA", help="instead of `duel.alpha`, up to 0.25"
    ),
]
Days = Annotated[
    float | None,
    typer.Option(
        "--days",
        parser=_days,
        metavar="DAYS",
        help="the duration, instead of the time until the next weekly run or `duel.max_duration`",
    ),
]
RowsPerDay = Annotated[
    float | None,
    typer.Option(
        "--rows-per-day",
        parser=_positive,
        metavar="ROWS",
        help="labelled rows a day, instead of those of the source",
    ),
]
Variance = Annotated[
    float | None,
    typer.Option(
        "--variance",
        parser=_positive,
        metavar="VARIANCE",
        help="of the difference of the two models' losses of one row, instead of that of the last "
        "duel or an upper bound by the source",
    ),
]
File = Annotated[Path, typer.Option("--out", metavar="FILE", help="the file")]
Airflow = Annotated[
    str | None,
    typer.Option("--airflow", metavar="URL", help="the URL of Airflow's UI, for the links"),
]
