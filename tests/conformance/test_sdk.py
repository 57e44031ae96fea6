"""The high-level SDK, with the sandbox as its API endpoint."""

import json
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import aiplatform

from tests.conformance.conftest import ROW, Cloud
from tests.conftest import CONSTANT

pytestmark = pytest.mark.usefixtures("sdk")


def register(cloud: Cloud, value: float, model_id: str, **more: Any) -> aiplatform.Model:
    """Upload a version of a model that predicts `value`."""
    known = {model.name for model in aiplatform.Model.list()}
    name = {"parent_model": model_id} if model_id in known else {"model_id": model_id}
    return aiplatform.Model.upload(
        display_name=model_id,
        artifact_uri=cloud.constant(value),
        serving_container_image_uri=CONSTANT,
        **name,
        **more,
    )


def deploy_challenger(display_name: str, model: aiplatform.Model) -> aiplatform.Endpoint:
    """The original deploy step of this project: `model` replaces the challenger, and gets 10 %."""
    (endpoint,) = aiplatform.Endpoint.list(
        filter=f'display_name="{display_name}"', order_by="create_time desc"
    )
    deployed = {one.display_name: one.id for one in endpoint.list_models()}
    if "champion" not in deployed:
        endpoint.deploy(model, deployed_model_display_name="champion", traffic_percentage=100)
        return endpoint
    if "challenger" in deployed:
        endpoint.undeploy(
            deployed["challenger"],
            traffic_split={deployed["champion"]: 100, deployed["challenger"]: 0},
        )
    endpoint.deploy(
        model,
        deployed_model_display_name="challenger",
        machine_type="n1-standard-2",
        min_replica_count=1,
        max_replica_count=1,
        traffic_percentage=10,
    )
    return endpoint


class Redirected(requests.adapters.HTTPAdapter):
    """Sends every request to `base`: for these predictions the SDK builds https:// addresses."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def send(self, request: requests.PreparedRequest, *rest: Any, **more: Any) -> Any:
        assert request.url is not None
        request.url = f"{self._base}/{request.url.split('/', 3)[3]}"
        return super().send(request, *rest, **more)


def redirect(endpoint: aiplatform.Endpoint, base: str) -> None:
    """Give the SDK's object a session that finds the sandbox."""
    endpoint.authorized_session = requests.Session()
    endpoint.authorized_session.mount("https://", Redirected(base))


def test_the_original_deploy_step(cloud: Cloud) -> None:
    made = aiplatform.Endpoint.create(display_name="seed")
    champion = ""
    for week in (1, 2, 3):
        model = register(cloud, week, "seed", version_aliases=[f"week-{week}"])
        endpoint = deploy_challenger("seed", model)
        deployed = {one.display_name: one for one in endpoint.list_models()}
        champion = champion or deployed["champion"].id
        assert endpoint.resource_name == made.resource_name
        assert deployed["champion"].id == champion
        assert deployed["champion"].model_version_id == "1"
        if week == 1:
            assert endpoint.traffic_split == {champion: 100}
            continue
        assert set(deployed) == {"champion", "challenger"}
        assert deployed["challenger"].model_version_id == str(week)
        assert endpoint.traffic_split == {champion: 90, deployed["challenger"].id: 10}
        assert endpoint.predict([ROW]).model_version_id in ("1", str(week))

    challenger = deployed["challenger"].id
    # The SDK accepts this, the service refuses it.
    with pytest.raises(exceptions.BadRequest, match="names 7"):
        endpoint.update(traffic_split={"7": 100})
    # The SDK refuses this one.
    with pytest.raises(ValueError, match="Sum of all traffic"):
        endpoint.undeploy(challenger, traffic_split={champion: 99})
    endpoint.update(traffic_split={champion: 0, challenger: 100})
    assert endpoint.predict([ROW]).predictions[0] == pytest.approx([3.0, 3.0])
    with pytest.raises(exceptions.BadRequest, match="cannot be deleted"):
        endpoint.delete()
    endpoint.undeploy_all()
    assert not endpoint.list_models()
    endpoint.delete()
    assert not aiplatform.Endpoint.list(filter='display_name="seed"')


def test_a_model_deployed_without_an_endpoint_creates_one(cloud: Cloud) -> None:
    model = register(cloud, 4, "alone")
    endpoint = model.deploy(machine_type="n1-standard-2", min_replica_count=1)
    assert endpoint.display_name == "alone_endpoint"
    assert list(endpoint.traffic_split.values()) == [100]
    answer = endpoint.predict([ROW, ROW])
    assert [pytest.approx([4.0, 4.0])] * 2 == answer.predictions
    assert answer.model_resource_name == model.resource_name
    with pytest.raises(exceptions.BadRequest, match="Prediction failed"):
        endpoint.predict([[1.0]])
    with pytest.raises(exceptions.BadRequest, match="is deployed"):
        model.delete()
    endpoint.delete(force=True)
    model.delete()
    with pytest.raises(exceptions.NotFound):
        aiplatform.Model("alone")


def test_a_dedicated_endpoint_with_autoscaling(cloud: Cloud) -> None:
    endpoint = aiplatform.Endpoint.create(
        display_name="dedicated", endpoint_id="dedicated", dedicated_endpoint_enabled=True
    )
    assert endpoint.dedicated_endpoint_enabled
    assert endpoint.dedicated_endpoint_dns.startswith("localhost:")
    endpoint.deploy(
        register(cloud, 5, "scaled"),
        machine_type="n1-standard-4",
        min_replica_count=1,
        max_replica_count=3,
        accelerator_type="NVIDIA_TESLA_T4",
        accelerator_count=1,
        autoscaling_target_cpu_utilization=70,
        autoscaling_target_accelerator_duty_cycle=80,
        autoscaling_target_request_count_per_minute=900,
    )
    (deployed,) = endpoint.list_models()
    found = deployed.dedicated_resources
    assert found.machine_spec.accelerator_type.name == "NVIDIA_TESLA_T4"
    assert (found.min_replica_count, found.max_replica_count) == (1, 3)
    targets = {
        s.metric_name.rpartition("online/")[2]: s.target for s in found.autoscaling_metric_specs
    }
    assert targets == {
        "cpu/utilization": 70,
        "accelerator/duty_cycle": 80,
        "request_count": 900,
    }
    redirect(endpoint, f"http://{endpoint.dedicated_endpoint_dns}")
    answer = endpoint.predict([ROW], use_dedicated_endpoint=True)
    assert (answer.predictions, answer.deployed_model_id) == ([[5.0, 5.0]], deployed.id)
    body = json.dumps({"instances": [ROW]}).encode()
    kind = {"Content-Type": "application/json"}
    raw = endpoint.raw_predict(body, kind, use_dedicated_endpoint=True)
    assert raw.json() == {"predictions": [[5.0, 5.0]]}
    invoked = {"serving_container_invoke_route_prefix": "/*"}
    endpoint.deploy(register(cloud, 6, "invoked", **invoked), traffic_percentage=0)
    (other,) = (one for one in endpoint.list_models() if one.id != deployed.id)
    one = endpoint.invoke("/any", body, kind, deployed_model_id=other.id)
    assert one.json() == {"predictions": [[6.0, 6.0]]}
    # The other one has traffic, and no such route.
    assert endpoint.invoke("/any", body, kind).status_code == 400
    endpoint.delete(force=True)


def test_a_private_endpoint(cloud: Cloud) -> None:
    private = aiplatform.PrivateEndpoint.create(
        display_name="private",
        private_service_connect_config=aiplatform.PrivateEndpoint.PrivateServiceConnectConfig(
            project_allowlist=["my-project"]
        ),
    )
    found = aiplatform.Endpoint(private.resource_name).private_service_connect_config
    assert list(found.project_allowlist) == ["my-project"]
    private.delete()


def test_the_registry(cloud: Cloud) -> None:
    first = register(cloud, 1, "registry", labels={"team": "ml"})
    second = register(
        cloud, 2, "registry", is_default_version=False, version_aliases=["challenger"]
    )
    registry = aiplatform.models.ModelRegistry("registry")
    assert {one.version_id: sorted(one.version_aliases) for one in registry.list_versions()} == {
        "1": ["default"],
        "2": ["challenger"],
    }
    assert registry.get_model("challenger").version_id == second.version_id == "2"
    assert registry.get_model().version_id == first.version_id == "1"

    registry.add_version_aliases(["default", "golden"], version="2")
    registry.remove_version_aliases(["challenger"], version="2")
    assert aiplatform.Model("registry").version_id == "2"
    assert registry.get_version_info("2").version_aliases == ["default", "golden"]
    with pytest.raises(exceptions.BadRequest, match="default"):
        registry.remove_version_aliases(["default"], version="2")
    with pytest.raises(exceptions.NotFound):
        registry.get_model("challenger")

    (listed,) = aiplatform.Model.list(filter='display_name="registry"')
    assert listed.version_id == "2"
    registry.delete_version("1")
    assert [one.version_id for one in registry.list_versions()] == ["2"]
    with pytest.raises(exceptions.BadRequest, match="no version but"):
        registry.delete_version("2")
    aiplatform.Model("registry").delete()
    assert not aiplatform.Model.list(filter='display_name="registry"')


def test_a_copy_of_a_model(cloud: Cloud) -> None:
    model = register(cloud, 6, "original")
    copied = model.copy(cloud.location, destination_model_id="copied")
    assert (copied.name, copied.version_id) == ("copied", "1")
    again = model.copy(cloud.location, destination_parent_model="copied")
    assert (again.name, again.version_id) == ("copied", "2")
    endpoint = copied.deploy(machine_type="n1-standard-2")
    assert endpoint.predict([ROW]).predictions == [[6.0, 6.0]]


def test_batch_predictions(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiplatform.jobs, "_JOB_WAIT_TIME", 0.05)
    model = register(cloud, 2, "batch")
    blob = cloud.storage.bucket(cloud.bucket).blob("batch/in.jsonl")
    blob.upload_from_string("[1, 2, 3]\n[1]\n[4, 5, 6]\n")
    job = model.batch_predict(
        job_display_name="files",
        gcs_source=f"gs://{cloud.bucket}/batch/in.jsonl",
        gcs_destination_prefix=f"gs://{cloud.bucket}/batch/out",
        machine_type="n1-standard-2",
        batch_size=1,
    )
    errors, results = job.iter_outputs()
    lines = [json.loads(line) for line in results.download_as_text().splitlines()]
    assert lines == [{"instance": one, "prediction": [2, 2]} for one in ([1, 2, 3], [4, 5, 6])]
    assert json.loads(errors.download_as_text())["instance"] == [1]
    assert job.completion_stats.failed_count == 1

    cloud.tables.create_dataset("batch")
    cloud.tables.query("create table batch.rows as select 1 as a, 2 as b, 3 as c").result()
    started = aiplatform.BatchPredictionJob.create(
        job_display_name="table",
        model_name="batch@1",
        bigquery_source=f"bq://{cloud.project}.batch.rows",
        bigquery_destination_prefix=f"{cloud.project}.batch",
        machine_type="n1-standard-2",
        starting_replica_count=1,
        max_replica_count=2,
        labels={"team": "ml"},
        sync=False,
    )
    started.wait_for_resource_creation()
    started.wait()
    assert [tuple(row) for row in started.iter_outputs()] == [(1, 2, 3, "[2, 2]")]

    failing = aiplatform.BatchPredictionJob.submit(
        job_display_name="missing",
        model_name=model.resource_name,
        gcs_source=f"gs://{cloud.bucket}/batch/missing",
        gcs_destination_prefix=f"gs://{cloud.bucket}/batch/out",
        machine_type="n1-standard-2",
    )
    with pytest.raises(RuntimeError, match="No object matches"):
        failing.wait_for_completion()
    with pytest.raises(exceptions.BadRequest, match="cannot be cancelled"):
        failing.cancel()
    jobs = aiplatform.BatchPredictionJob.list(order_by="create_time")
    assert [one.display_name for one in jobs] == ["files", "table", "missing"]
    (found,) = aiplatform.BatchPredictionJob.list(filter='labels.team="ml"')
    assert found.resource_name == started.resource_name
    for one in jobs:
        one.delete()
    assert aiplatform.BatchPredictionJob.list() == []


def test_resources_are_found_by_every_form_of_their_name(cloud: Cloud) -> None:
    endpoint = aiplatform.Endpoint.create(display_name="named", endpoint_id="named")
    short = aiplatform.Endpoint("named")
    by_id = aiplatform.Endpoint(f"{cloud.parent}/endpoints/named")
    by_number = aiplatform.Endpoint(endpoint.resource_name)
    for one in (short, by_id, by_number):
        assert one.resource_name == endpoint.resource_name
        assert one.create_time == endpoint.create_time
    endpoint.update(display_name="renamed", labels={"team": "ml"})
    (found,) = aiplatform.Endpoint.list(filter='labels.team="ml" AND display_name="renamed"')
    assert found.name == "named"
    endpoint.delete()
    with pytest.raises(exceptions.NotFound):
        aiplatform.Endpoint("named").list_models()


@pytest.mark.usefixtures("sdk")
def test_a_model_with_every_container_field(cloud: Cloud) -> None:
    model = aiplatform.Model.upload(
        display_name="every",
        artifact_uri=cloud.constant(3),
        serving_container_image_uri=CONSTANT,
        serving_container_predict_route="/score",
        serving_container_health_route="/up",
        serving_container_command=["python", "-m", "scripted_server"],
        serving_container_args=["--any"],
        serving_container_environment_variables={"LEVEL": "info"},
        serving_container_ports=[9000],
        serving_container_deployment_timeout=600,
        serving_container_shared_memory_size_mb=64,
        serving_container_startup_probe_exec=["python", "-c", ""],
        serving_container_startup_probe_period_seconds=1,
        serving_container_startup_probe_timeout_seconds=5,
        serving_container_health_probe_exec=["python", "-c", ""],
        serving_container_health_probe_period_seconds=5,
        serving_container_health_probe_timeout_seconds=5,
    )
    spec = model.container_spec
    assert (spec.predict_route, spec.health_route, spec.args) == ("/score", "/up", ["--any"])
    assert spec.deployment_timeout.total_seconds() == 600
    assert spec.shared_memory_size_mb == 64
    assert spec.startup_probe.exec_.command == ["python", "-c", ""]
    endpoint = aiplatform.Endpoint.create(display_name="every")
    endpoint.deploy(
        model,
        machine_type="n1-standard-2",
        min_replica_count=1,
        max_replica_count=3,
        autoscaling_target_cpu_utilization=70,
    )
    assert endpoint.predict([[1.0, 2.0, 3.0]]).predictions == [[3.0, 3.0]]

    redirect(endpoint, cloud.url)
    body = b'{"instances": [[1, 2, 3], [4, 5, 6]]}'
    raw = endpoint.raw_predict(body, {"Content-Type": "application/json"})
    assert raw.json() == {"predictions": [[3.0, 3.0]] * 2}
    assert raw.headers["X-Vertex-AI-Deployed-Model-Id"] == endpoint.list_models()[0].id
