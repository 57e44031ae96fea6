"""Batch prediction jobs from input to output, by Google's client."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sandbox.vertex.batch import files as file_source
from sandbox.vertex.batch import outputs
from tests.sandbox.conftest import CONSTANT, PROJECT
from tests.sandbox.vertex.batch.conftest import Jobs, files, objects, table, tables
from tests.sandbox.vertex.prediction.model_servers import behaviour

Put = Callable[..., Any]


def predicted(instance: Any, parameters: Any = None) -> dict[str, Any]:
    """The prediction of the model `mirror`."""
    return {"instance": instance, "parameters": parameters}


def errors(job: Any) -> list[str]:
    return [one.message for one in job.partial_failures]


def test_json_lines(jobs: Jobs) -> None:
    """Several files, failed instances, parameters, batches, and what the job says of them."""
    jobs.bucket.put("json/b-2", b'{"a": 2}\n')
    jobs.bucket.put("json/b-1", b'[1, 2]\r\n\n"text"\nbroken\n[NaN]\n{"a": 1}')
    jobs.bucket.put("json/other/b-3", b"[3]\n")
    inputs = objects("jsonl", "json/b-*", "json/**3", "json/b-2")
    created = jobs.create(inputs, batch=2, model_parameters={"limit": 3}, labels={"team": "ml"})
    assert created.state.name == "JOB_STATE_QUEUED"
    job = jobs.reaches(created.name, "JOB_STATE_SUCCEEDED")
    sent: list[Any] = [[1, 2], "text", {"a": 1}, {"a": 2}, [3]]
    assert jobs.lines(job) == [
        {"instance": one, "prediction": predicted(one, {"limit": 3})} for one in sent
    ]
    failed = jobs.lines(job, "errors_stats")
    assert [(one["instance"], one["error"]["code"]) for one in failed] == [
        ("broken", 3),
        ("[NaN]", 3),
    ]
    assert "json/b-1, line 4" in failed[0]["error"]["message"]
    assert errors(job) == [one["error"]["message"] for one in failed]
    stats = job.completion_stats
    assert (stats.successful_count, stats.failed_count, stats.incomplete_count) == (5, 2, 0)
    directory = job.output_info.gcs_output_directory
    assert "/prediction-a_model-2026-01-05T08:" in directory
    names = [blob.name for blob in jobs.storage.list_blobs("artifacts", prefix=directory[15:])]
    assert [name.rpartition("/")[2] for name in names] == [
        "prediction.errors_stats-00000-of-00001",
        "prediction.results-00000-of-00001",
    ]
    assert job.model == jobs.model
    assert job.model_version_id == "1"
    assert job.labels == {"team": "ml"}
    assert job.dedicated_resources.max_replica_count == 10
    assert job.create_time <= job.start_time <= job.end_time == job.update_time
    assert job.resources_consumed.replica_hours > 0
    assert not job.error.code


def test_large_outputs_have_several_files(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are in the order of the input, also if several replicas respond."""
    monkeypatch.setattr(outputs, "SHARD_BYTES", 20_000)
    lines = [f"[{number}]" for number in range(1000)]
    jobs.bucket.put("many.jsonl", "\n".join(lines).encode())
    job = jobs.run(objects("jsonl", "many.jsonl"), replicas=2, batch=10)
    texts = jobs.texts(job)
    assert len(texts) > 2
    assert all(len(text) < 21_000 for text in texts)
    assert [line["instance"] for line in jobs.lines(job)] == [[n] for n in range(1000)]


def test_a_csv_file(jobs: Jobs) -> None:
    """Cells without quotation marks are numbers; files need the same header."""
    jobs.bucket.put("csv/1.csv", b'id,"a b",c\n1,"x, y",2.5\n2,3\n4,x,6\n"5","z",7\n')
    jobs.bucket.put("csv/2.csv", b'id,"a b"\n1,2\n')
    jobs.bucket.put("csv/3.csv", b'"id","a b","c"\n8,"",9')
    job = jobs.run(objects("csv", "csv/*"), files("csv"))
    assert jobs.texts(job) == [
        "id,a b,c,prediction\n"
        '1.0,"x, y",2.5,"{""instance"": [1.0, ""x, y"", 2.5], ""parameters"": null}"\n'
        '5,z,7.0,"{""instance"": [""5"", ""z"", 7.0], ""parameters"": null}"\n'
        '8.0,,9.0,"{""instance"": [8.0, """", 9.0], ""parameters"": null}"\n'
    ]
    (failed,) = jobs.texts(job, "errors_stats")
    assert failed.startswith("id,a b,c,error\n,,,")
    assert "line 3: it has 2 cells, and the header 3" in failed
    assert (
        errors(job)[0]
        == "gs://artifacts/csv/2.csv has another header than gs://artifacts/csv/1.csv."
    )
    keyed = jobs.run(objects("csv", "csv/3.csv"), instance_config={"key_field": "id"})
    assert jobs.lines(keyed) == [{"key": 8.0, "prediction": predicted(["", 9.0])}]
    rows = jobs.rows(jobs.run(objects("csv", "csv/3.csv"), tables()))
    prediction = '{"instance": [8.0, "", 9.0], "parameters": null}'
    assert rows == [{"id": "8.0", "a b": "", "c": "9.0", "prediction": prediction}]


def test_a_list_of_files(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_source, "LONGEST", 100)
    jobs.bucket.put("files/odd name", b"abc")
    jobs.bucket.put("files/large", b"x" * 101)
    lines = ["gs://artifacts/files/odd name", "gs://artifacts/files/missing", "/etc/hostname"]
    lines += ["gs://artifacts/files/large", "x" * 200]
    jobs.bucket.put("list.txt", "\n".join(lines).encode())
    job = jobs.run(objects("file-list", "list.txt"))
    assert jobs.lines(job) == [{"instance": lines[0], "prediction": predicted({"b64": "YWJj"})}]
    reasons = ["cannot be read", "is not gs://", "more than 100 bytes", "more than 100 bytes"]
    failed = jobs.lines(job, "errors_stats")
    for one, reason in zip(failed, reasons, strict=True):
        assert reason in one["error"]["message"]


def test_a_table(jobs: Jobs) -> None:
    """Every type of column reaches the model as documented, and the output's table as it was."""
    jobs.tables.create_dataset("source")
    jobs.tables.query(
        "create table source.types as select 1 i, 1.5 f, numeric '2.25' n, 'x' s, b'abc' b, "
        "timestamp '2026-01-01 00:00:00+00' t, date '2026-01-02' d, [1, 2] l, "
        "struct(1 as p, 'q' as q) r union all "
        "select 2, cast('nan' as float64), null, null, null, null, null, [], null order by 1"
    ).result()
    sent = [1, 1.5, 2.25, "x", "YWJj", "2026-01-01 00:00:00+00:00", "2026-01-02", [1, 2]]
    job = jobs.run(table("source.types"), tables())
    (row,) = jobs.rows(job)
    assert row.pop("prediction").startswith('{"instance": [1, 1.5, 2.25, "x", "YWJj", "2026-')
    (source, _) = map(dict, jobs.tables.list_rows("source.types"))
    assert row == source
    assert row["n"] == Decimal("2.25")
    (refused,) = jobs.rows(job, "errors")
    assert refused["i"] == 2
    assert refused["errors"]["code"] == 3
    assert "nan" in refused["errors"]["message"]
    name = jobs.run(
        table("source.types"),
        instance_config={"instance_type": "object", "excluded_fields": ["f", "r"]},
    )
    first, second = jobs.lines(name)
    assert list(first["instance"].values()) == [sent[0], *sent[2:]]
    assert (first["f"], first["r"]) == (1.5, {"p": 1, "q": "q"})
    assert second["f"] == "nan"
    keyed = jobs.run(
        table("source.types"),
        tables("source.keyed"),
        instance_config={"key_field": "i", "included_fields": ["s", "l"]},
    )
    assert keyed.output_info.bigquery_output_table == "keyed"
    assert sorted(tuple(row.values()) for row in jobs.rows(keyed)) == [
        (1, '{"instance": ["x", [1, 2]], "parameters": null}'),
        (2, '{"instance": [null, []], "parameters": null}'),
    ]


def test_a_table_of_many_rows(jobs: Jobs) -> None:
    """It is read and written a page at a time, and each row once."""
    jobs.tables.create_dataset("many")
    query = "create table many.rows as select x from unnest(generate_array(1, 2345)) x"
    jobs.tables.query(query).result()
    job = jobs.run(table("many.rows"), tables("many"), batch=1000)
    assert job.completion_stats.successful_count == 2345
    assert sorted(row["x"] for row in jobs.rows(job)) == list(range(1, 2346))
    table_name = job.output_info.bigquery_output_table
    assert table_name.startswith("predictions_2026_01_05T08_")
    assert job.output_info.bigquery_output_dataset == f"bq://{PROJECT}.many"


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("no-list", 9, "no list `predictions`"),
        ("too-many", 9, "3 predictions for 2 instances"),
        ("error", 13, "the disk is full"),
        ("unavailable", 14, "too busy"),
    ],
)
def test_a_server_that_does_not_predict(jobs: Jobs, kind: str, code: int, message: str) -> None:
    """The instances of a failed request have failed, and the job if there are no others."""
    jobs.bucket.put("two.jsonl", b"[1, 2, 3]\n[4, 5, 6]\n")
    model = jobs.upload(kind, jobs.bucket.put_constant(1))
    job = jobs.run(objects("jsonl", "two.jsonl"), model=model)
    assert job.state.name == "JOB_STATE_FAILED"
    assert message in job.error.message
    assert job.completion_stats.failed_count == 2
    failed = jobs.lines(job, "errors_stats")
    assert [one["error"]["code"] for one in failed] == [code, code]
    assert jobs.lines(job) == []


def test_some_requests_fail(jobs: Jobs) -> None:
    jobs.bucket.put("mixed.jsonl", b'[1, 2, 3]\n[1]\n[4, 5, 6]\n["a", 1, 2]\n[7, 8, 9]\n')
    model = jobs.upload("", jobs.bucket.put_constant(3))
    job = jobs.run(objects("jsonl", "mixed.jsonl"), model=f"{model}@default", batch=1)
    assert job.state.name == "JOB_STATE_SUCCEEDED"
    assert [line["prediction"] for line in jobs.lines(job)] == [[3, 3]] * 3
    assert [line["instance"] for line in jobs.lines(job, "errors_stats")] == [[1], ["a", 1, 2]]
    assert (job.completion_stats.successful_count, job.completion_stats.failed_count) == (3, 2)
    assert [one.code for one in job.partial_failures] == [9, 9]


@pytest.mark.parametrize(
    ("kind", "lines", "failed"),
    [("dies", [[1, 2, 3]] * 120, 0), ("poison", [[1, 2, 3], "poison", [4, 5, 6]], 1)],
)
def test_a_server_that_ends(jobs: Jobs, kind: str, lines: list[Any], failed: int) -> None:
    """Its request is sent again; the third time, the instances have failed, and no others."""
    jobs.bucket.put(f"{kind}.jsonl", "\n".join(map(json.dumps, lines)).encode())
    model = jobs.upload(kind, jobs.bucket.put_constant(1))
    job = jobs.run(objects("jsonl", f"{kind}.jsonl"), model=model, batch=1)
    assert job.state.name == "JOB_STATE_SUCCEEDED"
    assert len(jobs.lines(job)) == len(lines) - failed
    errors = jobs.lines(job, "errors_stats")
    assert [(one["instance"], one["error"]["code"]) for one in errors] == [("poison", 14)] * failed


def test_jobs_that_cannot_run(jobs: Jobs, bucket: Any) -> None:
    """They fail with the reason, and write nothing."""
    bucket.put("one.jsonl", b"[1, 2, 3]\n")
    bucket.put("empty", b"\n")
    bucket.put("none.csv", b"a,a\n1,2\n")
    jobs.tables.create_dataset("taken")
    jobs.tables.query("create table taken.t as select 1 as x").result()
    jobs.tables.query("create table taken.p as select 1 as prediction").result()
    one, elsewhere = objects("jsonl", "one.jsonl"), files("jsonl")
    elsewhere["gcs_destination"] = {"output_uri_prefix": "gs://no-such-bucket/x"}
    broken = jobs.upload("crash", bucket.put_constant(1))
    dies = jobs.upload("killed", bucket.put_constant(1))
    for inputs, output, fields, code, message in [
        (objects("jsonl", "missing*"), None, {}, 5, "No object matches gs://artifacts/missing*"),
        (objects("jsonl", "empty"), None, {}, 3, "no instances"),
        (objects("csv", "none.csv"), None, {}, 3, "has no header"),
        (table("taken.missing"), None, {}, 5, "is not found"),
        (table("taken.p"), tables(), {}, 3, "rename"),
        (table("taken.t"), None, {"instance_config": {"key_field": "z"}}, 3, "no column 'z'"),
        (one, elsewhere, {}, 5, "bucket gs://no-such-bucket"),
        (one, tables("taken.t"), {}, 6, "the job creates it"),
        (one, tables("missing"), {}, 5, "is not found"),
        (one, None, {"model": broken}, 9, "cannot find the model's weights"),
        (one, None, {"model": dies}, 9, "it ended with the status 137"),
    ]:
        job = jobs.run(inputs, output, **fields)
        assert job.state.name == "JOB_STATE_FAILED", message
        assert job.error.code == code, job.error
        assert message in job.error.message
        assert job.end_time


def test_an_unmanaged_model(jobs: Jobs) -> None:
    """Its artifact is read where it is; its container is input only."""
    jobs.bucket.put("unmanaged.jsonl", b"[1, 2, 3]\n")
    unmanaged = {
        "artifact_uri": jobs.bucket.put_constant(5),
        "container_spec": {"image_uri": CONSTANT, **behaviour("")},
    }
    fields = {"model": "", "unmanaged_container_model": unmanaged}
    job = jobs.run(objects("jsonl", "unmanaged.jsonl"), **fields)
    assert [line["prediction"] for line in jobs.lines(job)] == [[5, 5]]
    assert "/prediction-nightly-" in job.output_info.gcs_output_directory
    assert "container_spec" not in job.unmanaged_container_model
    assert job.unmanaged_container_model.artifact_uri == unmanaged["artifact_uri"]
