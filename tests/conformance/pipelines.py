"""Sample pipelines, compiled by kfp; their components run."""

from kfp import dsl

component = dsl.component(base_image="python:3.11")


@component
def count(table: str) -> int:
    from os import environ

    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    client = bigquery.Client(
        project=environ["GOOGLE_CLOUD_PROJECT"],
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": environ["BIGQUERY_EMULATOR_HOST"]},
    )
    (row,) = client.query(f"SELECT COUNT(*) AS n FROM `{table}`").result()
    client.close()
    return int(row.n)


@component
def train(rows: int, rate: float, model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics]):
    with open(model.path, "w") as file:
        file.write(f"{rows} rows at {rate}")
    metrics.log_metric("rows", rows)
    metrics.log_metric("score", 61.5)


@component
def sleep(seconds: float):
    import time

    time.sleep(seconds)


@dsl.pipeline(name="conformance")
def training(table: str, rate: float = 0.5):
    counted = count(table=table)
    train(rows=counted.output, rate=rate)


@dsl.pipeline(name="slow")
def slow(seconds: float = 600.0):
    sleep(seconds=seconds)
