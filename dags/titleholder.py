"""The DAGs of Airflow, for each YAML file in `models`: `<model>__train`, weekly, and
`<model>__rollout`, for whoever wants to change the endpoint and, with a section `duel`, daily for
what the challenger has earned. Wiring only."""

from typing import Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, get_parsing_context
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from titleholder.alerts.notifier import AlertNotifier, notifier_arguments
from titleholder.config.model import ModelConfig, load_models
from titleholder.operators.apply_decision import ApplyDecisionOperator
from titleholder.operators.approve import ApproveOperator
from titleholder.operators.cancel_callback import CancelPipelines
from titleholder.operators.check_freshness import CheckFreshnessOperator
from titleholder.operators.decide import DecideOperator
from titleholder.operators.observe import EVALUATE, ObserveOperator
from titleholder.operators.submit_duel import SubmitDuelOperator
from titleholder.operators.submit_pipeline import SubmitPipelineOperator
from titleholder.operators.update_traffic import UpdateTrafficOperator
from titleholder.operators.wait_for_duel import WaitForDuelOperator
from titleholder.operators.wait_for_pipeline import WaitForPipelineOperator
from titleholder.reconciler.recorder import MAX_REASON_LENGTH, REASON
from titleholder.release import models_dir
from titleholder.rollout.wishes import INTENTS

MODELS = models_dir(__file__)

TRAIN = """
### {config.model}: train and seat a challenger

{config.description}

Every run covers one data interval of `{config.schedule}` (UTC): it waits until
`{config.source.table}` covers the interval, trains on Vertex AI, and seats the model as challenger
with {config.rollout.traffic_percentage} % of the requests beside the champion of the endpoint
`{config.endpoint.display_name}`. The first model becomes champion.

Running it again changes nothing. Clearing it trains anew. A backfill of a week older than what is
deployed trains and registers, and leaves live traffic alone; one that reprocesses a week skips the
training where rows, pipeline and parameters are the same, unless `force_retrain` is set.
"""

ROLLOUT = """
### {config.model}: change who answers

Trigger it, and choose an intent for the endpoint `{config.endpoint.display_name}`:

{intents}

`observe` settles which deployed model is meant and logs the plan; `update_traffic` carries it out.
The same from a terminal: `python -m titleholder plan {config.model} promote`, then `promote`.
"""

ASKED = """
Before a challenger gets the title, the task `approve` asks a person: answer it under *Required
actions*. Who does not answer has rejected it, and is asked again by the next run.
"""

JUDGED = """
By itself it runs at `{config.duel.schedule}` (UTC) with the intent **judge**: champion and
challenger are scored on the labelled rows that neither was trained on, and `decide` says by the
rules of `duel` what the challenger has earned. Every verdict is an event, promoted or not.
"""


def common(config: ModelConfig, *also: Any) -> dict[str, Any]:
    """What both DAGs of a model have in common."""
    notifier = AlertNotifier(**notifier_arguments(config))
    return {
        "description": config.description or None,
        "start_date": config.start,
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["titleholder", config.model, *config.tags],
        # A retry comes after Airflow's default_task_retry_delay, which is five minutes.
        "default_args": {"owner": config.owner, "retries": 2, "on_failure_callback": notifier},
        "on_failure_callback": [notifier, *also],
        "deadline": deadline(config),
    }


def deadline(config: ModelConfig) -> DeadlineAlert | None:
    """When a run is late, if the YAML file says so. Counted from the run's creation, since by its
    date a backfilled week is late from the start; and not from DAGRUN_QUEUED_AT, since Airflow 3.3
    cannot clear a run with such a deadline (github.com/apache/airflow/issues/70368)."""
    if config.alerts.late_after is None:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=10, min_runs=1),
        interval=config.alerts.late_after,
        # On a worker: Composer's triggerer has no plugins.
        callback=SyncCallback(AlertNotifier, notifier_arguments(config)),
    )


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
    return asking(dag, week_form())


def rollout(config: ModelConfig) -> DAG:
    """The DAG of one model through which its endpoint is changed: by a person, and daily by what
    the challenger has earned if the model has duels."""
    duel, doc = config.duel, ROLLOUT if config.duel is None else ROLLOUT + JUDGED
    doc += ASKED if config.rollout.promotion == "approval" else ""
    intents = "\n".join(f"- **{kind}**: {what}" for kind, what in INTENTS.items())
    settings = common(config, *([CancelPipelines(config.connection)] if duel else []))
    if duel is not None:
        # Whoever wants a bad model off the endpoint does not wait until a duel is over.
        settings["max_active_runs"] = 16
    with DAG(
        dag_id=f"{config.model}__rollout",
        doc_md=doc.format(config=config, intents=intents),
        schedule=CronDataIntervalTimetable(duel.schedule, timezone="UTC") if duel else None,
        # On request only, it does nothing by itself, and who needs it needs it at once.
        is_paused_upon_creation=None if duel else False,
        **settings,
    ) as dag:
        observe = ObserveOperator(task_id="observe", config=config)
        update = ApplyDecisionOperator(
            task_id="update_traffic", config=config, trigger_rule="none_failed_min_one_success"
        )
        # A person's wish goes this way alone: the tasks of the other skip themselves.
        observe >> update
        if duel is not None:
            decide = DecideOperator(task_id="decide", config=config, duel=duel)
            (
                observe
                >> SubmitDuelOperator(task_id="submit_duel", config=config, duel=duel)
                >> WaitForDuelOperator(task_id="wait_for_duel", config=config, duel=duel)
                >> decide
                >> update
            )
            if config.rollout.promotion == "approval":
                approve = ApproveOperator(
                    task_id="approve", config=config, approval_timeout=config.approval_timeout
                )
                # It skips itself where there is nothing to ask, a rollback say. A rejection skips
                # `update_traffic` whatever its trigger rule.
                decide >> approve >> update
    return asking(dag, form(config))


def asking(dag: DAG, params: dict[str, Param]) -> DAG:
    """The DAG with a form. After its tasks, each of which would copy it, and unlike DAG(params=...)
    without trying the defaults on their schema: half of what a model costs whenever the file is
    parsed. The tests try them."""
    dag.params.update(params)
    return dag


def week_form() -> dict[str, Param]:
    """What a person may say who triggers a weekly run."""
    return {
        "force_retrain": Param(
            False,
            type="boolean",
            title="Train anew",
            description="Also when a registered version was trained on the same rows, by the "
            "same pipeline with the same parameters.",
        ),
        "pipeline": Param(
            None,
            type=["null", "string"],
            title="Pipeline version",
            description="Another version of the compiled pipeline, such as that of an older "
            "run: NAME-0123456789ab, as its submit_pipeline returned it.",
            pattern=r"^\w[\w.-]*-[0-9a-f]{12}$",
        ),
    }


def form(config: ModelConfig) -> dict[str, Param]:
    """What a person is asked who triggers the rollout."""
    kinds: dict[str, str] = dict(INTENTS.items())
    default: dict[str, Any] = {}
    if config.duel is not None:
        kinds = {EVALUATE: "what the challenger has earned, by a duel with the champion", **kinds}
        default = {"default": EVALUATE}
    return {
        "intent": Param(
            **default,
            type="string",
            title="Intent",
            enum=list(kinds),
            values_display={kind: f"{kind}: {what}" for kind, what in kinds.items()},
        ),
        "share": Param(
            config.rollout.traffic_percentage,
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
        REASON: Param(
            None,
            type=["null", "string"],
            title="Reason",
            description="Why; kept as evidence of the event.",
            maxLength=MAX_REASON_LENGTH,
        ),
    }


# A task that starts needs one DAG, not those of all models.
asked = get_parsing_context().dag_id or ""
for model in load_models(MODELS, only=asked.rpartition("__")[0] or None).configs:
    for make in (train, rollout):
        if asked in ("", f"{model.model}__{make.__name__}"):
            globals()[f"{model.model}__{make.__name__}"] = make(model)
