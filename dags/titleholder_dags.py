"""The DAGs of each YAML file in `models`: `<model>__train`, weekly, and `<model>__rollout`, which
changes the endpoint on request and, with a section `duel`, evaluates the challenger daily."""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import (
    DAG,
    Asset,
    AssetAll,
    AssetOrTimeSchedule,
    CronDataIntervalTimetable,
    Param,
    get_parsing_context,
)
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from titleholder.alerts.notifier import AlertNotifier, notifier_arguments
from titleholder.alerts.retry_log import RetryLog
from titleholder.config.duel import Duel
from titleholder.config.loader import load_models
from titleholder.config.model import ModelConfig
from titleholder.config.schedule import Schedule
from titleholder.config.watch import Watch
from titleholder.operators.apply_decision import ApplyDecisionOperator
from titleholder.operators.approve import ApproveOperator
from titleholder.operators.check_freshness import CheckFreshnessOperator
from titleholder.operators.dag_forms import rollout_doc, rollout_form, train_doc, train_form
from titleholder.operators.decide import DecideOperator
from titleholder.operators.duel import SubmitDuelOperator, WaitForDuelOperator
from titleholder.operators.observe import ObserveOperator
from titleholder.operators.pipeline import SubmitPipelineOperator, WaitForPipelineOperator
from titleholder.operators.shared_jobs import CancelPipelines
from titleholder.operators.update_traffic import UpdateTrafficOperator
from titleholder.operators.watching.retrain import RetrainOperator
from titleholder.operators.watching.undo_promotion import UndoPromotionOperator
from titleholder.operators.watching.watch_champion import WatchChampionOperator
from titleholder.operators.watching.watch_job import SubmitWatchOperator, WaitForWatchOperator
from titleholder.release import models_dir

MODELS = models_dir(__file__)
# The start of runs by time where only assets start runs. Airflow makes no tasks in a run with an
# earlier logical date, but in a backfill's: such a DAG takes no other runs with one.
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
WITHOUT_TIME = ["asset_triggered", "backfill", "operator_triggered"]


def common(config: ModelConfig, start: datetime, *also: Any) -> dict[str, Any]:
    """The arguments of both DAGs of a model; `also` are more failure callbacks."""
    notifier = AlertNotifier(**notifier_arguments(config))
    return {
        "description": config.description or None,
        "start_date": start,
        "catchup": False,
        "max_active_runs": 1,
        "tags": ["titleholder", config.model, *config.tags],
        # A retry comes after Airflow's default_task_retry_delay, which is five minutes.
        "default_args": {
            "owner": config.owner,
            "retries": 2,
            "on_retry_callback": RetryLog(config.model),
            "on_failure_callback": notifier,
        },
        "on_failure_callback": [notifier, *also],
        "deadline": deadline(config),
    }


def deadline(config: ModelConfig) -> DeadlineAlert | None:
    """When a run is late, if the YAML file says so. Counted from the run's creation, since by its
    date a backfilled interval is late from the start; and not from DAGRUN_QUEUED_AT, since Airflow
    3.3 cannot clear a run with such a deadline (github.com/apache/airflow/issues/70368)."""
    if config.alerts.late_after is None:
        return None
    return DeadlineAlert(
        reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=10, min_runs=1),
        interval=config.alerts.late_after,
        # On a worker: Composer's triggerer has no plugins.
        callback=SyncCallback(AlertNotifier, notifier_arguments(config)),
    )


def train_schedule(schedule: Schedule) -> Any:
    """The timetable of the weekly DAG. With assets it still has the intervals, for backfills:
    Airflow 3.3 refuses to backfill a DAG that is scheduled on assets alone."""
    intervals = CronDataIntervalTimetable(schedule.cron, timezone="UTC")
    if not schedule.assets:
        return intervals
    # References: the DAG that updates an asset says both its name and its URI.
    assets = [
        Asset.ref(uri=one) if "://" in one else Asset.ref(name=one) for one in schedule.assets
    ]
    return AssetOrTimeSchedule(timetable=intervals, assets=AssetAll(*assets))


def run_types(schedule: Schedule) -> Any:
    """The runs of a weekly DAG that has none by time. Airflow insists on `scheduled` for a
    timetable without assets; the start excludes them."""
    return WITHOUT_TIME if schedule.assets else [*WITHOUT_TIME, "scheduled"]


def train(config: ModelConfig) -> DAG:
    """The weekly DAG of one model."""
    # A backfill ignores the start.
    start = config.start if config.trains_on_schedule else NEVER
    with DAG(
        dag_id=f"{config.model}__train",
        doc_md=train_doc(config),
        schedule=train_schedule(config.schedule),
        allowed_run_types=None if config.trains_on_schedule else run_types(config.schedule),
        **common(config, start, CancelPipelines(config.connection)),
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
    return with_form(dag, train_form())


def rollout(config: ModelConfig) -> DAG:
    """The DAG of one model that changes its endpoint: on request, and with a duel daily."""
    duel = config.duel
    settings = common(config, config.start, *([CancelPipelines(config.connection)] if duel else []))
    if duel is not None:
        # A rollback by hand must not wait for a duel that runs.
        settings["max_active_runs"] = 16
    with DAG(
        dag_id=f"{config.model}__rollout",
        doc_md=rollout_doc(config),
        schedule=CronDataIntervalTimetable(duel.schedule, timezone="UTC") if duel else None,
        # Without a schedule it does nothing by itself, and a run on request must not wait.
        is_paused_upon_creation=None if duel else False,
        **settings,
    ) as dag:
        observe = ObserveOperator(task_id="observe", config=config)
        update = ApplyDecisionOperator(
            task_id="update_traffic", config=config, trigger_rule="none_failed_min_one_success"
        )
        # A person's intent takes this way: the tasks of the other skip themselves.
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
                # It skips itself where no approval is needed, as for a rollback. A rejection skips
                # `update_traffic` whatever its trigger rule.
                decide >> approve >> update
            if config.watch is not None:
                watch_tasks(config, duel, config.watch, observe)
    return with_form(dag, rollout_form(config))


def watch_tasks(config: ModelConfig, duel: Duel, watch: Watch, observe: Any) -> None:
    """The tasks that watch the champion, and act if it decays. They and the evaluation do not wait
    for each other: a rollback must not."""
    champion = WatchChampionOperator(
        task_id="watch_champion", config=config, duel=duel, watch=watch
    )
    (
        observe
        >> SubmitWatchOperator(task_id="submit_watch", config=config, duel=duel, watch=watch)
        >> WaitForWatchOperator(task_id="wait_for_watch", config=config, watch=watch)
        >> champion
    )
    if watch.retrains_early:
        champion >> RetrainOperator(task_id="retrain", config=config)
    if watch.on_decay == "undo_promotion":
        champion >> UndoPromotionOperator(task_id="undo_promotion", config=config, duel=duel)


def with_form(dag: DAG, params: dict[str, Param]) -> DAG:
    """The DAG with a form. It is set after the tasks, each of which would copy it, and unlike
    DAG(params=...) without validating the defaults: half of the time that a model takes whenever
    the file is parsed. The tests validate them."""
    dag.params.update(params)
    return dag


# A task that starts needs one DAG, not those of all models.
only = get_parsing_context().dag_id or ""
for model in load_models(MODELS, only=only.rpartition("__")[0] or None).configs:
    for make in (train, rollout):
        if only in ("", f"{model.model}__{make.__name__}"):
            globals()[f"{model.model}__{make.__name__}"] = make(model)
