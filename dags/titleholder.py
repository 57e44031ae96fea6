"""The DAGs of Airflow: one `<model>__train` for each YAML file in `models`. Wiring only."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, CronDataIntervalTimetable, get_parsing_context

from titleholder.config import ModelConfig, load_models
from titleholder.notifiers.cancel import CancelPipelines
from titleholder.notifiers.log import LogNotifier
from titleholder.operators.check_freshness import CheckFreshnessOperator
from titleholder.operators.submit_pipeline import SubmitPipelineOperator
from titleholder.operators.update_traffic import UpdateTrafficOperator
from titleholder.operators.wait_for_pipeline import WaitForPipelineOperator

MODELS = Path(__file__).parent / "models"

DOC = """
### {config.model}: train and seat a challenger

{config.description}

Every run covers one data interval of `{config.schedule}` (UTC): it waits until
`{config.source.table}` covers the interval, trains on Vertex AI, and seats the model as challenger
with {config.rollout.challenger_share} % of the requests beside the champion of the endpoint
`{config.endpoint.display_name}`. The first model becomes champion.

Running it again changes nothing. Clearing it trains anew. A backfill of a week older than what is
deployed trains and registers, and leaves live traffic alone.
"""


def train(config: ModelConfig) -> DAG:
    """The weekly DAG of one model."""
    notifier = LogNotifier(config.model)
    with DAG(
        dag_id=f"{config.model}__train",
        description=config.description or None,
        doc_md=DOC.format(config=config),
        schedule=CronDataIntervalTimetable(config.schedule, timezone="UTC"),
        start_date=config.start,
        catchup=False,
        max_active_runs=1,
        tags=["titleholder", config.model, *config.tags],
        default_args={
            "owner": config.owner,
            "retries": 2,
            "retry_delay": timedelta(minutes=5),
            "on_failure_callback": notifier,
        },
        on_failure_callback=[notifier, CancelPipelines(config.connection)],
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


# A task that starts needs one DAG, not those of all models.
wanted = (get_parsing_context().dag_id or "").removesuffix("__train") or None
for model in load_models(MODELS, only=wanted).configs:
    globals()[f"{model.model}__train"] = train(model)
