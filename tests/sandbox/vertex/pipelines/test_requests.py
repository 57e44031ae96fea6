"""Checks of CreatePipelineJob requests."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format

from sandbox.vertex.http.errors import AlreadyExists, InvalidArgument, PermissionDenied
from tests.sandbox.vertex.pipelines import samples
from tests.sandbox.vertex.pipelines.conftest import PARENT, Bench


def refused(bench: Bench, request: Any) -> str:
    with pytest.raises(InvalidArgument) as raised:
        bench.service.create_pipeline_job(request)
    return raised.value.message


@pytest.mark.parametrize("job_id", ["Upper", "9lives", "under_score", "a" * 128, "-a", "a.b"])
def test_invalid_ids_are_refused(bench: Bench, job_id: str) -> None:
    assert "pipelineJobId" in refused(bench, bench.request(samples.weekly, job_id))


def test_the_longest_id_and_a_duplicate_id(bench: Bench) -> None:
    job = bench.submit(samples.weekly, job_id="a" * 127)
    assert job.name == f"{PARENT}/pipelineJobs/{'a' * 127}"
    with pytest.raises(AlreadyExists):
        bench.submit(samples.weekly, job_id="a" * 127)
    bench.wait(job)


def test_a_generated_id(bench: Bench) -> None:
    one = bench.submit(samples.weekly, job_id="")
    two = bench.submit(samples.weekly, job_id="")
    assert one.name.startswith(f"{PARENT}/pipelineJobs/weekly-2")
    assert one.name != two.name
    for job in (one, two):
        bench.cancel(job)
        bench.wait(job)


def test_invalid_parents_are_refused(bench: Bench) -> None:
    request = bench.request(samples.weekly)
    request.parent = "projects/titleholder"
    assert "parent" in refused(bench, request)
    request.parent = "projects/another-project/locations/us-central1"
    with pytest.raises(PermissionDenied):
        bench.service.create_pipeline_job(request)


def test_a_parent_by_id_is_named_by_number(bench: Bench) -> None:
    request = bench.request(samples.weekly)
    request.parent = "projects/titleholder/locations/us-central1"
    job = bench.service.create_pipeline_job(request)
    assert job.name.startswith(PARENT)
    bench.cancel(job)
    bench.wait(job)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"display_name": "x" * 129}, "displayName"),
        ({"labels": {"Team": "x"}}, "label key 'Team'"),
        ({"labels": {"team": "a b"}}, "label value 'a b'"),
        ({"labels": {"a" * 65: ""}}, "label key"),
        ({"pipeline_spec": {}}, "pipelineSpec is required"),
        ({"pipeline_spec": {}, "template_uri": "https://x/y"}, "no template registry"),
        ({"runtime_config": {}}, "gcsOutputDirectory is required"),
        ({"runtime_config": {"gcs_output_directory": "/tmp/x"}}, "not a path in a Cloud Storage"),
        *(
            (
                {"runtime_config": {"gcs_output_directory": f"gs://bucket/{folder}"}},
                "has a folder without a name or named `.` or `..`",
            )
            for folder in ("..", "../../x", "a/../../../x", "./a", "a/.", "a//b", "/etc")
        ),
        (
            {
                "runtime_config": {
                    "gcs_output_directory": "gs://bucket/x",
                    "parameters": {"rate": {"double_value": 1.0}},
                }
            },
            "parameters is deprecated",
        ),
    ],
)
def test_errors_outside_the_spec_are_refused(
    bench: Bench, change: dict[str, Any], message: str
) -> None:
    request = bench.request(samples.weekly)
    for field, value in change.items():
        setattr(request.pipeline_job, field, value)
    assert message in refused(bench, request)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"whole": 3.5}, "'whole' needs NUMBER_INTEGER and got 3.5"),
        ({"whole": "3"}, "'whole' needs NUMBER_INTEGER and got '3'"),
        ({"whole": True}, "'whole' needs NUMBER_INTEGER and got True"),
        ({"half": "x"}, "'half' needs NUMBER_DOUBLE and got 'x'"),
        ({"text": 1}, "'text' needs STRING and got 1"),
        ({"flag": 1}, "'flag' needs BOOLEAN and got 1"),
        ({"many": {}}, "'many' needs LIST and got {}"),
        ({"deep": []}, "'deep' needs STRUCT and got []"),
        ({"deep": None}, "'deep' is required"),
        (
            {"extra": 1},
            "no parameter 'extra'; it has deep, flag, half, many, optional, text, whole",
        ),
    ],
)
def test_invalid_parameters_are_refused(
    bench: Bench, parameters: dict[str, Any], message: str
) -> None:
    good = {"whole": 1, "half": 1, "text": "", "flag": True, "many": [], "deep": {}}
    assert message in refused(bench, bench.request(samples.types, **(good | parameters)))


def edit(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(spec: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        for key in parents:
            spec = spec[key]
        spec[last.replace("%", "/")] = value

    return apply


TRAIN = "root/dag/tasks/train"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit("schemaVersion", "2.0.0"), "schemaVersion '2.0.0'"),
        (edit("sdkVersion", ""), "no sdkVersion"),
        (edit("root/dag/tasks", {}), "no tasks"),
        (edit("root/surprise", 1), 'no field named "surprise"'),
        (edit(f"{TRAIN}/componentRef/name", "comp-x"), "no component 'comp-x'"),
        (edit("components/comp-train/executorLabel", "exec-x"), "no executor 'exec-x'"),
        (edit(f"{TRAIN}/dependentTasks", ["gate"]), "wait for each other"),
        (edit(f"{TRAIN}/dependentTasks", ["missing"]), "waits for a task 'missing'"),
        (edit(f"{TRAIN}/triggerPolicy", {"condition": "size(x)"}), "has an unsupported condition"),
        (edit(f"{TRAIN}/artifactIterator", {"itemInput": "x"}), "loops over a component"),
        (edit(f"{TRAIN}/cachingOptions/cacheKey", "own"), "'train' has a cache key of its own"),
        (
            edit(
                "components/comp-condition-1/dag/tasks/export-model/componentRef/name",
                "comp-condition-1",
            ),
            "the components ['comp-condition-1'] contain each other",
        ),
        (
            edit(f"{TRAIN}/triggerPolicy", {"condition": "(" * 999 + "true" + ")" * 999}),
            "nested more than 50 deep",
        ),
        (
            edit("root/dag/tasks/condition-1/retryPolicy", {"maxRetryCount": 2.0}),
            "'condition-1' retries a whole pipeline",
        ),
        (
            edit(f"{TRAIN}/inputs/parameters/rate", {"runtimeValue": {"constant": "{{$.what}}"}}),
            "uses {{$.what}} in its input 'rate'",
        ),
        (
            edit("deploymentSpec/executors/exec-train", {"customJob": {}}),
            "'train' has an executor of kind custom_job",
        ),
        (
            edit("components/comp-train/outputDefinitions/artifacts/..%..", {}),
            "has the name '../..', which is not a valid file name",
        ),
        (edit("root/inputDefinitions/artifacts", {"a": {}}), "the artifact 'a' is required"),
        (
            edit("root/inputDefinitions/artifacts", {"a": {"isArtifactList": True}}),
            "has a list of artifacts as its input 'a'",
        ),
        (edit("pipelineInfo/description", "x" * 1_048_577), "1048576 are allowed"),
    ],
)
def test_invalid_specs_are_refused(
    bench: Bench, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    spec = json.loads(samples.compiled(samples.weekly))
    change(spec)
    request = bench.request(samples.weekly)
    struct = types.PipelineJob.pb(request.pipeline_job).pipeline_spec
    struct.Clear()
    json_format.ParseDict(spec, struct)
    assert message in refused(bench, request)


def test_output_only_fields_of_a_request_are_dropped(bench: Bench) -> None:
    request = bench.request(samples.weekly)
    request.pipeline_job.name = "own"
    request.pipeline_job.state = types.PipelineState.PIPELINE_STATE_SUCCEEDED
    request.pipeline_job.error = {"code": 3}
    job = bench.service.create_pipeline_job(request)
    assert job.name.startswith(PARENT)
    assert job.state == types.PipelineState.PIPELINE_STATE_PENDING
    assert not job.error.code
    assert job.labels["vertex-ai-pipelines-run-billing-id"].isdigit()
    bench.cancel(job)
    bench.wait(job)
