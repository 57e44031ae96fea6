"""The documentation and the trigger forms of a model's DAGs."""

from typing import Any

from airflow.sdk import Param

from titleholder.config.model import ModelConfig
from titleholder.naming import INTERVAL_END
from titleholder.operators.results import EVALUATE
from titleholder.reconciler.recorder import MAX_REASON_LENGTH, REASON
from titleholder.rollout.intents import INTENTS, summary

_TRAIN = """
### {config.model}: train and deploy a challenger

{config.description}

Schedule: {config.schedule}. Every run covers one data interval: it waits until
`{config.source.table}` covers the interval, trains on Vertex AI, and deploys the model as
challenger with {config.rollout.traffic_percentage} % of the traffic beside the champion of the
endpoint `{config.endpoint.display_name}`. The first model becomes champion.

A repeated run changes nothing; a cleared run trains again. A backfill of an interval older than the
newest registered version trains and registers, and leaves the traffic alone; one that reprocesses
an interval skips the training where rows, pipeline and parameters are the same, unless
`force_retrain` is set.
"""

_ROLLOUT = """
### {config.model}: change roles and traffic

Trigger it, and choose an intent for the endpoint `{config.endpoint.display_name}`:

{intents}

`observe` resolves the deployed model and logs the plan; `update_traffic` applies it. The same in a
terminal: `titleholder plan {config.model} promote`, then `titleholder promote {config.model}`.
"""

_EVALUATION = """
On its schedule `{config.duel.schedule}` (UTC) it runs with the intent **evaluate**: champion and
challenger are scored on labelled rows that neither was trained on, and `decide` applies the rules
of `duel`. Every verdict is an event.
"""

_WATCH = """
**watch_champion** compares the champion's loss on the newest days with its reference, with and
without a challenger: decay and data drift are events, each with an alert.
"""

_RETRAIN = """
What `watch.retrain_on` names ({config.watch.retrain_on}) starts a training early, once each.
"""

_APPROVAL = """
Before a promotion the task `approve` waits for an approval under *Required actions*. Without an
answer it counts as rejected, and the next run asks again.
"""


def train_doc(config: ModelConfig) -> str:
    """The documentation (Markdown) of `<model>__train`."""
    return _TRAIN.format(config=config)


def rollout_doc(config: ModelConfig) -> str:
    """The documentation (Markdown) of `<model>__rollout`."""
    parts = [_ROLLOUT, _EVALUATION if config.duel else ""]
    parts.append(_WATCH if config.watch else "")
    parts.append(_RETRAIN if config.watch and config.watch.retrains_early else "")
    parts.append(_APPROVAL if config.rollout.promotion == "approval" else "")
    intents = "\n".join(f"- **{name}**: {summary(intent)}" for name, intent in INTENTS.items())
    return "".join(parts).format(config=config, intents=intents)


def train_form() -> dict[str, Param]:
    """The parameters of a weekly run."""
    return {
        "force_retrain": Param(
            False,
            type="boolean",
            title="Force retraining",
            description="Train also when a registered version was trained on the same rows, by the "
            "same pipeline with the same parameters.",
        ),
        "pipeline_version": Param(
            None,
            type=["null", "string"],
            title="Pipeline version",
            description="Another version of the pipeline template, such as that of an older run: "
            "NAME-0123456789ab, as its submit_pipeline returned it.",
            pattern=r"^\w[\w.-]*-[0-9a-f]{12}$",
        ),
        INTERVAL_END: Param(
            None,
            type=["null", "string"],
            title="Interval end",
            description="Train on another span of time than the run's interval: one as long, that "
            "ends then, in UTC: 2026-11-25T00:00:00Z.",
            pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
        ),
    }


def rollout_form(config: ModelConfig) -> dict[str, Param]:
    """The parameters of a rollout run."""
    intents = {name: summary(intent) for name, intent in INTENTS.items()}
    default: dict[str, Any] = {}
    if config.duel is not None:
        evaluate = "Evaluate the challenger by a duel with the champion"
        if config.watch is not None:
            evaluate += ", or without one watch the champion"
        intents = {EVALUATE: evaluate, **intents}
        default = {"default": EVALUATE}
    return {
        "intent": Param(
            **default,
            type="string",
            title="Intent",
            enum=list(intents),
            values_display={name: f"{name}: {text}" for name, text in intents.items()},
        ),
        "traffic_percentage": Param(
            config.rollout.traffic_percentage,
            type="integer",
            title="Traffic percentage",
            description="For the intent set_traffic: the challenger's part of the traffic.",
            minimum=1,
            maximum=99,
        ),
        "deployed_model_id": Param(
            None,
            type=["null", "string"],
            title="Deployed model id",
            description="The deployed model, if it is not the one that has the role now.",
            pattern="^[0-9]{1,20}$",
        ),
        REASON: Param(
            None,
            type=["null", "string"],
            title="Reason",
            description="Why; kept as evidence of the event.",
            maxLength=MAX_REASON_LENGTH,
        ),
    }
