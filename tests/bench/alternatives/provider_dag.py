"""The weekly DAG with the google provider's operators, for comparison.

It does less: it does not wait for the source, submits again on each retry, and its last task
overwrites any split.
"""

from datetime import datetime

from airflow.providers.google.cloud.operators.bigquery import BigQueryCheckOperator
from airflow.providers.google.cloud.operators.vertex_ai.endpoint_service import DeployModelOperator
from airflow.providers.google.cloud.operators.vertex_ai.model_service import UploadModelOperator
from airflow.providers.google.cloud.operators.vertex_ai.pipeline_job import RunPipelineJobOperator
from airflow.sdk import DAG, CronDataIntervalTimetable

PLACE = {"project_id": "titleholder-local", "region": "us-central1"}
IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"

with DAG(
    dag_id="linnerud_by_provider",
    schedule=CronDataIntervalTimetable("0 3 * * 1", timezone="UTC"),
    start_date=datetime(2026, 8, 3),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "ml-platform", "retries": 2},
) as dag:
    (
        BigQueryCheckOperator(
            task_id="check_freshness",
            sql="SELECT COUNT(*) FROM `titleholder-local.linnerud.measurements` "
            "WHERE measured_at >= '{{ data_interval_start }}' "
            "AND measured_at < '{{ data_interval_end }}'",
            use_legacy_sql=False,
            deferrable=True,
        )
        >> RunPipelineJobOperator(
            task_id="run_pipeline",
            **PLACE,
            display_name="linnerud",
            template_path="gs://titleholder-local-titleholder/pipelines/linnerud.yaml",
            deferrable=True,
        )
        >> UploadModelOperator(
            task_id="upload_model",
            **PLACE,
            parent_model="linnerud",
            model={
                "display_name": "linnerud",
                "artifact_uri": "gs://titleholder-local-titleholder/linnerud",
                "container_spec": {"image_uri": IMAGE},
            },
        )
        >> DeployModelOperator(
            task_id="deploy_model",
            **PLACE,
            endpoint_id="linnerud",
            deployed_model={
                "model": "{{ ti.xcom_pull('upload_model')['model'] }}",
                "display_name": "linnerud-challenger-model",
                "dedicated_resources": {
                    "machine_spec": {"machine_type": "n1-standard-4"},
                    "min_replica_count": 1,
                },
            },
            traffic_split={"0": 10},
        )
    )
