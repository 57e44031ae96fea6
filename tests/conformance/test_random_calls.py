"""Random valid and invalid calls of a server, compared with a model of the rules."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conformance.conftest import Cloud
from tests.conformance.expected_state import Endpoint, ExpectedState
from tests.conformance.strategies import (
    aliases,
    delays,
    deployed_ids,
    endpoints,
    etags,
    labels,
    masks,
    models,
    names,
    new_deployed_ids,
    numbers,
    parents,
    split_of,
    splits,
    versions,
)
from tests.conftest import CONSTANT, Sandbox
from tests.sandbox.conftest import PROJECT_NUMBER, Vertex

NUMBERS = itertools.count(1)


class Calls(RuleBasedStateMachine):
    """Each rule is one call, which must fail or change the state as the model expects."""

    vertex: Vertex
    artifact: str
    steps = 0
    outcomes: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.parent = f"projects/{PROJECT_NUMBER}/locations/rules-{next(NUMBERS)}"
        self.expected = ExpectedState()
        # A running operation, its endpoint, and its effect on the expected state.
        self.pending: tuple[Any, str, Callable[[], set[str]]] | None = None
        self.etags: dict[str, str] = {}
        self.previous_etags: dict[str, str] = {}

    def call(self, allowed: set[str], method: Callable[..., Any], **arguments: Any) -> Any:
        """The response of `method`, or None if it fails, which it must with an allowed status."""
        type(self).steps += 1
        response, status, message = None, "done", "done"
        try:
            response = method(**arguments)
        except exceptions.GoogleAPICallError as error:
            body = error.response.json()["error"]
            status, message = body["status"], body["message"]
        assert status in (allowed or {"done"}), f"{status}, not one of {allowed}: {message}"
        assert message
        self.outcomes[status] += 1
        return response

    def finished(self, operation: Any) -> Any:
        return self.vertex.finish(operation) if operation is not None else None

    @initialize()
    def prepare(self) -> None:
        """Create resources: rules that need them would seldom be reached."""
        for name in ("a", "b"):
            self.create_endpoint(name, "x", {})
        for parent in ("", "m", "m"):
            self.upload("" if parent else "m", parent, [])
        self.deploy("a", "m", "1", "1", 100, False)
        self.deploy("a", "m", "2", "2", 90, False)

    def ids(self, name: str) -> list[str]:
        return (
            list(self.expected.endpoints[name].deployed) if name in self.expected.endpoints else []
        )

    # Endpoints

    @precondition(lambda self: not self.pending)
    @rule(name=endpoints, display_name=names, labels=labels)
    def create_endpoint(self, name: str, display_name: str, labels: dict[str, str]) -> None:
        allowed = self.expected.create(name, display_name, labels)
        self.finished(
            self.call(
                allowed,
                self.vertex.endpoints.create_endpoint,
                parent=self.parent,
                endpoint={"display_name": display_name, "labels": labels},
                endpoint_id=name,
            )
        )
        self.compare_endpoint(name)

    @rule(
        name=endpoints,
        mask=masks,
        etag=etags,
        display_name=names,
        labels=labels,
        choice=splits,
    )
    def update_endpoint(
        self, name: str, mask: Any, etag: str, display_name: str, labels: Any, choice: Any
    ) -> None:
        split = split_of(choice, self.ids(name))
        sent = {
            "": "",
            "fresh": self.etags.get(name, ""),
            "stale": self.previous_etags.get(name, "x"),
        }
        allowed = self.expected.update(
            name, mask, etag != "stale", Endpoint(display_name, labels, split)
        )
        self.call(
            allowed,
            self.vertex.endpoints.update_endpoint,
            endpoint={
                "name": f"{self.parent}/endpoints/{name}",
                "display_name": display_name,
                "labels": labels,
                "traffic_split": split,
                "etag": sent[etag],
            },
            update_mask={"paths": mask},
        )
        self.compare_endpoint(name)

    @rule(name=endpoints)
    def delete_endpoint(self, name: str) -> None:
        if self.pending and self.pending[1] != name:
            return
        allowed = self.expected.delete(name)
        self.finished(
            self.call(
                allowed,
                self.vertex.endpoints.delete_endpoint,
                name=f"{self.parent}/endpoints/{name}",
            )
        )
        self.compare_endpoint(name)

    @rule(
        name=endpoints,
        model=models,
        version=versions,
        new=new_deployed_ids,
        choice=splits,
        delay=delays,
    )
    def deploy(
        self, name: str, model: str, version: str, new: str, choice: Any, delay: bool
    ) -> None:
        if self.pending and self.pending[1] != name:
            return
        split = split_of(choice, [*self.ids(name)[:1], "0"])
        allowed = self.expected.check_deploy(name, model, version, new, split)
        number = self.expected.version(model, version)
        operation = self.call(
            allowed,
            self.vertex.deploy,
            endpoint=f"{self.parent}/endpoints/{name}",
            model=f"{self.parent}/models/{model}{'@' if version else ''}{version}",
            split=split,
            id=new,
        )
        if operation is None:
            self.compare_endpoint(name)
            return
        assert number is not None
        model_version = (model, number)

        def after(chosen: str) -> set[str]:
            # The server generates a missing id.
            self.expected.deploy(name, model_version, new or chosen, split)
            return set()

        self.finish_or_delay(operation, name, after, delay)

    @rule(name=endpoints, deployed_model_id=deployed_ids, choice=splits, delay=delays)
    def undeploy(self, name: str, deployed_model_id: str, choice: Any, delay: bool) -> None:
        if self.pending and self.pending[1] != name:
            return
        split = split_of(choice, [one for one in self.ids(name) if one != deployed_model_id])
        operation = self.call(
            self.expected.check_undeploy(name, deployed_model_id, split),
            self.vertex.endpoints.undeploy_model,
            endpoint=f"{self.parent}/endpoints/{name}",
            deployed_model_id=deployed_model_id,
            traffic_split=split,
        )
        if operation is None:
            self.compare_endpoint(name)
            return

        def after(_: str) -> set[str]:
            # An update may have routed traffic to it meanwhile.
            statuses = self.expected.check_undeploy(name, deployed_model_id, split)
            if not statuses:
                self.expected.undeploy(name, deployed_model_id, split)
            return statuses

        self.finish_or_delay(operation, name, after, delay)

    def finish_or_delay(self, operation: Any, name: str, after: Any, delay: bool) -> None:
        self.expected.endpoints[name].busy = True
        self.pending = (operation, name, after)
        if not delay:
            self.finish_pending()

    @precondition(lambda self: self.pending)
    @rule()
    def finish_pending(self) -> None:
        assert self.pending
        operation, name, after = self.pending
        self.pending = None
        self.expected.endpoints[name].busy = False
        chosen, status = "", "done"
        try:
            response = self.vertex.finish(operation)
            chosen = getattr(getattr(response, "deployed_model", None), "id", "")
        except exceptions.GoogleAPICallError as error:
            status = error.grpc_status_code.name
        assert status in (after(chosen) or {"done"})
        self.compare_endpoint(name)

    # Models

    @precondition(lambda self: not self.pending)
    @rule(name=models, parent=parents, new=aliases)
    def upload(self, name: str, parent: str, new: list[str]) -> None:
        name = "" if parent and name != "n" else name
        request: dict[str, Any] = {"parent": self.parent, "model_id": name}
        if parent:
            request["parent_model"] = f"{self.parent}/models/{parent}"
        request["model"] = {
            "display_name": "x",
            "artifact_uri": self.artifact,
            "container_spec": {"image_uri": CONSTANT},
            "version_aliases": new,
        }
        allowed = self.expected.upload(name, parent, new)
        response = self.finished(
            self.call(allowed, self.vertex.models.upload_model, request=request)
        )
        if response is not None:
            assert response.model_version_id == str(self.expected.models[parent or name].last)
        self.compare_model(parent or name)

    @rule(name=models, version=numbers, changes=aliases)
    def merge_aliases(self, name: str, version: int, changes: list[str]) -> None:
        allowed = self.expected.merge(name, version, changes)
        self.call(
            allowed,
            self.vertex.models.merge_version_aliases,
            name=f"{self.parent}/models/{name}@{version}",
            version_aliases=changes,
        )
        self.compare_model(name)

    @precondition(lambda self: not self.pending)
    @rule(name=models, version=numbers)
    def delete_version(self, name: str, version: int) -> None:
        allowed = self.expected.delete_version(name, version)
        call = self.call(
            allowed,
            self.vertex.models.delete_model_version,
            name=f"{self.parent}/models/{name}@{version}",
        )
        self.finished(call)
        self.compare_model(name)

    @precondition(lambda self: not self.pending)
    @rule(name=models)
    def delete_model(self, name: str) -> None:
        allowed = self.expected.delete_model(name)
        call = self.call(
            allowed, self.vertex.models.delete_model, name=f"{self.parent}/models/{name}"
        )
        self.finished(call)
        self.compare_model(name)

    # State

    def compare_endpoint(self, name: str) -> None:
        full = f"{self.parent}/endpoints/{name}"
        wanted = self.expected.endpoints.get(name)
        if wanted is None:
            with pytest.raises(exceptions.NotFound):
                self.vertex.endpoints.get_endpoint(name=full)
            self.etags.pop(name, None)
            return
        found = self.vertex.endpoints.get_endpoint(name=full)
        assert found.display_name == wanted.display_name
        assert dict(found.labels) == wanted.labels
        assert dict(found.traffic_split) == wanted.split
        assert [
            (one.id, one.model.rpartition("/")[2], one.model_version_id)
            for one in found.deployed_models
        ] == [
            (deployed_id, model, str(number))
            for deployed_id, (model, number) in wanted.deployed.items()
        ]
        if self.etags.get(name, found.etag) != found.etag:
            self.previous_etags[name] = self.etags[name]
        self.etags[name] = found.etag

    def compare_model(self, name: str) -> None:
        full = f"{self.parent}/models/{name}"
        wanted = self.expected.models.get(name)
        if wanted is None:
            with pytest.raises(exceptions.NotFound):
                self.vertex.models.get_model(name=full)
            return
        found = {
            int(one.version_id): one for one in self.vertex.models.list_model_versions(name=full)
        }
        assert {n: set(one.version_aliases) for n, one in found.items()} == wanted.versions
        for number, one in found.items():
            deployments = {
                (ref.endpoint.rpartition("/")[2], ref.deployed_model_id)
                for ref in one.deployed_models
            }
            assert deployments == {
                (endpoint_name, deployed_id)
                for endpoint_name, endpoint in self.expected.endpoints.items()
                for deployed_id, model_version in endpoint.deployed.items()
                if model_version == (name, number)
            }
        assert self.vertex.models.get_model(name=full).version_id == str(wanted.find(""))

    def teardown(self) -> None:
        if self.pending:
            self.finish_pending()
        for name in ("a", "b"):
            self.compare_endpoint(name)
        for name in ("m", "n"):
            self.compare_model(name)
        listed = self.vertex.endpoints.list_endpoints(parent=self.parent)
        assert {one.name.rpartition("/")[2] for one in listed} == set(self.expected.endpoints)
        listed = self.vertex.models.list_models(parent=self.parent)
        assert {one.name.rpartition("/")[2] for one in listed} == set(self.expected.models)


@pytest.fixture(scope="module")
def calls(
    sandbox: Sandbox, _cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[type[Calls]]:
    """The state machine, with a server whose clock only the machine advances."""
    home = tmp_path_factory.mktemp("rules")
    host = sandbox.env["STORAGE_EMULATOR_HOST"]
    server = Vertex(home, host, wait_for_containers=True)
    artifact = _cloud.constant(1)
    try:
        yield type(
            "Calls", (Calls,), {"vertex": server, "artifact": artifact, "outcomes": Counter()}
        )
    finally:
        server.stop()


def run(calls: type[Calls], examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        calls,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def test_random_calls_match_the_expected_state(calls: type[Calls]) -> None:
    run(calls, 7, 40, derandomize=True, phases=[Phase.generate])
    assert calls.steps >= 200
    # The test needs both successful and failed calls.
    assert calls.outcomes["done"] >= calls.steps * 0.2
    assert set(calls.outcomes) >= {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}


@pytest.mark.long
def test_many_random_calls_match_the_expected_state(calls: type[Calls]) -> None:
    run(calls, 150, 80)
