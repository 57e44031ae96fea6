"""The DAGs of Airflow, for each YAML file in `models`: `<model>__train`, weekly, and
`<model>__rollout`, for whoever wants to change the endpoint. Wiring only."""

from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, get_parsing_context

from titleholder.config import ModelConfig, load_models
from titleholder.notifiers.cancel import CancelPipelines
from titleholder.notifiers.log import LogNotifier
from titleholder.operators.apply_wish import ApplyWishOperator
from titleholder.operators.check_freshness import CheckFreshnessOperator
from titleholder.operators.observe import ObserveOperator
from titleholder.operators.submit_pipeline import SubmitPipelineOperator
from titleholder.operators.update_traffic import UpdateTrafficOperator
from titleholder.operators.wait_for_pipeline import WaitForPipelineOperator
from titleholder.rollout.wishes import KINDS

MODELS = Path(__file__).parent / "models"

TRAIN = """
### {config.model}: train and seat a challenger

{config.description}

Every run covers one data interval of `{config.schedule}` (UTC): it waits until
`{config.source.table}` covers the interval, trains on Vertex AI, and seats the model as challenger
with {config.rollout.challenger_share} % of the requests beside the champion of the endpoint
`{config.endpoint.display_name}`. The first model becomes champion.

Running it again changes nothing. Clearing it trains anew. A backfill of a week older than what is
deployed trains and registers, and leaves live traffic alone.
"""

ROLLOUT = """
### {config.model}: change who answers

Trigger it, and choose an intent for the endpoint `{config.endpoint.display_name}`:

{intents}

`observe` settles which deployed model is meant and logs the plan; `update_traffic` carries it out.
The same from a terminal: `python -m titleholder plan {config.model} promote`, then `promote`.
"""


def common(config: ModelConfig, *also: Any) -> dict[str, Any]:
    """What both DAGs of a model have in common."""
    notifier = LogNotifier(config.model)
    return {
        "description": config.description or None,
        "start_date": config.start,
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["titleholder", config.model, *config.tags],
        # A retry comes after Airflow's default_task_retry_delay, which is five minutes.
        "default_args": {"owner": config.owner, "retries": 2, "on_failure_callback": notifier},
        "on_failure_callback": [notifier, *also],
    }


def train(config: ModelConfig) -> DAG:
    """The weekly DAG of one model."""
    with DAG(
        dag_id=f"{config.model}__train",
        doc_md=TRAIN.format(config=config),
        schedule=CronDataIntervalTimetable(config.schedule, timezone="UTC"),
        **common(config, CancelPipelines(config.connection)),
    ) as dag:
        (
            CheckFreshnessOperator(task_id="check_freshness", config=config)
            >> SubmitPipelineOperator(task_id="submit_pipeline", config=config)
            >> WaitForPipelineOperator(task_id="wait_for_pipeline", config=config)
            >> UpdateTrafficOperator(
                task_id="update_traffic",
                config=config,
                # A backfill runs beside the scheduled run: one of them at a time.
                max_active_tis_per_dag=1,
            )
        )
    return dag


def rollout(config: ModelConfig) -> DAG:
    """The DAG of one model through which a person changes its endpoint."""
    intents = "\n".join(f"- **{kind}**: {what}" for kind, what in KINDS.items())
    with DAG(
        dag_id=f"{config.model}__rollout",
        doc_md=ROLLOUT.format(config=config, intents=intents),
        schedule=None,
        # It does nothing by itself, and who needs it needs it at once.
        is_paused_upon_creation=False,
        params={
            "intent": Param(
                type="string",
                title="Intent",
                enum=list(KINDS),
                values_display={kind: f"{kind}: {what}" for kind, what in KINDS.items()},
            ),
            "share": Param(
                config.rollout.challenger_share,
                type="integer",
                title="Share",
                description="For the intent share: per cent of the requests.",
                minimum=1,
                maximum=99,
            ),
            "deployed_model_id": Param(
                None,
                type=["null", "string"],
                title="Deployed model id",
                description="Whom it is about, where that is not whoever has the role now.",
                pattern="^[0-9]{1,20}$",
            ),
        },
        **common(config),
    ) as dag:
        ObserveOperator(task_id="observe", config=config) >> ApplyWishOperator(
            task_id="update_traffic", config=config
        )
    return dag


# A task that starts needs one DAG, not those of all models.
asked = get_parsing_context().dag_id or ""
for model in load_models(MODELS, only=asked.rpartition("__")[0] or None).configs:
    for make in (train, rollout):
        if asked in ("", f"{model.model}__{make.__name__}"):
            globals()[f"{model.model}__{make.__name__}"] = make(model)
