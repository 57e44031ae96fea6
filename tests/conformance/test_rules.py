"""Random calls, right and wrong, against a running server and a small model of the rules."""

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

from tests.conformance.conftest import IMAGE, Cloud
from tests.conformance.rules import Endpoint, World
from tests.conformance.strategies import (
    aliases,
    endpoints,
    etags,
    holds,
    labels,
    masks,
    models,
    names,
    new_seats,
    numbers,
    parents,
    seats,
    split_of,
    splits,
    versions,
)
from tests.conftest import Sandbox
from tests.sandbox.conftest import PROJECT_NUMBER, Vertex

NUMBERS = itertools.count(1)


class Calls(RuleBasedStateMachine):
    """Every rule is one call: refused as the model says, or done and the state as it says."""

    vertex: Vertex
    artifact: str
    steps = 0
    outcomes: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.parent = f"projects/{PROJECT_NUMBER}/locations/rules-{next(NUMBERS)}"
        self.world = World()
        # An operation that runs on, and what it does to the world once it is over.
        self.held: tuple[Any, str, Callable[[], set[str]]] | None = None
        self.etags: dict[str, str] = {}
        self.old_etags: dict[str, str] = {}

    def called(self, allowed: set[str], call: Callable[..., Any], **named: Any) -> Any:
        """What `call` answers, None if it was refused; it must be what the model says."""
        type(self).steps += 1
        answer, status, message = None, "done", "done"
        try:
            answer = call(**named)
        except exceptions.GoogleAPICallError as error:
            body = error.response.json()["error"]
            status, message = body["status"], body["message"]
        assert status in (allowed or {"done"}), f"{status}, not one of {allowed}: {message}"
        assert message
        self.outcomes[status] += 1
        return answer

    def ended(self, operation: Any) -> Any:
        return self.vertex.finish(operation) if operation is not None else None

    @initialize()
    def begin(self) -> None:
        """Something is there: rules that need it would seldom get that far."""
        for name in ("a", "b"):
            self.create_endpoint(name, "x", {})
        for parent in ("", "m", "m"):
            self.upload("" if parent else "m", parent, [])
        self.deploy("a", "m", "1", "1", 100, False)
        self.deploy("a", "m", "2", "2", 90, False)

    def ids(self, name: str) -> list[str]:
        return list(self.world.endpoints[name].seats) if name in self.world.endpoints else []

    # Endpoints

    @precondition(lambda self: not self.held)
    @rule(name=endpoints, display_name=names, labels=labels)
    def create_endpoint(self, name: str, display_name: str, labels: dict[str, str]) -> None:
        allowed = self.world.create(name, display_name, labels)
        self.ended(
            self.called(
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
        drawn=splits,
    )
    def update_endpoint(
        self, name: str, mask: Any, etag: str, display_name: str, labels: Any, drawn: Any
    ) -> None:
        split = split_of(drawn, self.ids(name))
        sent = {"": "", "fresh": self.etags.get(name, ""), "stale": self.old_etags.get(name, "x")}
        allowed = self.world.update(
            name, mask, etag != "stale", Endpoint(display_name, labels, split)
        )
        self.called(
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
        if self.held and self.held[1] != name:
            return
        allowed = self.world.delete(name)
        self.ended(
            self.called(
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
        new=new_seats,
        drawn=splits,
        hold=holds,
    )
    def deploy(self, name: str, model: str, version: str, new: str, drawn: Any, hold: bool) -> None:
        if self.held and self.held[1] != name:
            return
        split = split_of(drawn, [*self.ids(name)[:1], "0"])
        allowed = self.world.may_deploy(name, model, version, new, split)
        number = self.world.version(model, version)
        operation = self.called(
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
        seat = (model, number)

        def after(chosen: str) -> set[str]:
            # Its id is the server's when the caller chose none.
            self.world.deploy(name, seat, new or chosen, split)
            return set()

        self.hold(operation, name, after, hold)

    @rule(name=endpoints, gone=seats, drawn=splits, hold=holds)
    def undeploy(self, name: str, gone: str, drawn: Any, hold: bool) -> None:
        if self.held and self.held[1] != name:
            return
        split = split_of(drawn, [one for one in self.ids(name) if one != gone])
        operation = self.called(
            self.world.may_undeploy(name, gone, split),
            self.vertex.endpoints.undeploy_model,
            endpoint=f"{self.parent}/endpoints/{name}",
            deployed_model_id=gone,
            traffic_split=split,
        )
        if operation is None:
            self.compare_endpoint(name)
            return

        def after(_: str) -> set[str]:
            # An update meanwhile may have given it traffic.
            refused = self.world.may_undeploy(name, gone, split)
            if not refused:
                self.world.undeploy(name, gone, split)
            return refused

        self.hold(operation, name, after, hold)

    def hold(self, operation: Any, name: str, after: Any, hold: bool) -> None:
        self.world.endpoints[name].busy = True
        self.held = (operation, name, after)
        if not hold:
            self.let_go()

    @precondition(lambda self: self.held)
    @rule()
    def let_go(self) -> None:
        assert self.held
        operation, name, after = self.held
        self.held = None
        self.world.endpoints[name].busy = False
        chosen, status = "", "done"
        try:
            answer = self.vertex.finish(operation)
            chosen = getattr(getattr(answer, "deployed_model", None), "id", "")
        except exceptions.GoogleAPICallError as error:
            status = error.grpc_status_code.name
        assert status in (after(chosen) or {"done"})
        self.compare_endpoint(name)

    # Models

    @precondition(lambda self: not self.held)
    @rule(name=models, parent=parents, new=aliases)
    def upload(self, name: str, parent: str, new: list[str]) -> None:
        name = "" if parent and name != "n" else name
        request: dict[str, Any] = {"parent": self.parent, "model_id": name}
        if parent:
            request["parent_model"] = f"{self.parent}/models/{parent}"
        request["model"] = {
            "display_name": "x",
            "artifact_uri": self.artifact,
            "container_spec": {"image_uri": IMAGE},
            "version_aliases": new,
        }
        allowed = self.world.upload(name, parent, new)
        answer = self.ended(self.called(allowed, self.vertex.models.upload_model, request=request))
        if answer is not None:
            assert answer.model_version_id == str(self.world.models[parent or name].last)
        self.compare_model(parent or name)

    @rule(name=models, version=numbers, changes=aliases)
    def merge_aliases(self, name: str, version: int, changes: list[str]) -> None:
        allowed = self.world.merge(name, version, changes)
        self.called(
            allowed,
            self.vertex.models.merge_version_aliases,
            name=f"{self.parent}/models/{name}@{version}",
            version_aliases=changes,
        )
        self.compare_model(name)

    @precondition(lambda self: not self.held)
    @rule(name=models, version=numbers)
    def delete_version(self, name: str, version: int) -> None:
        allowed = self.world.delete_version(name, version)
        called = self.called(
            allowed,
            self.vertex.models.delete_model_version,
            name=f"{self.parent}/models/{name}@{version}",
        )
        self.ended(called)
        self.compare_model(name)

    @precondition(lambda self: not self.held)
    @rule(name=models)
    def delete_model(self, name: str) -> None:
        allowed = self.world.delete_model(name)
        called = self.called(
            allowed, self.vertex.models.delete_model, name=f"{self.parent}/models/{name}"
        )
        self.ended(called)
        self.compare_model(name)

    # State

    def compare_endpoint(self, name: str) -> None:
        full = f"{self.parent}/endpoints/{name}"
        wanted = self.world.endpoints.get(name)
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
        ] == [(seat, model, str(number)) for seat, (model, number) in wanted.seats.items()]
        if self.etags.get(name, found.etag) != found.etag:
            self.old_etags[name] = self.etags[name]
        self.etags[name] = found.etag

    def compare_model(self, name: str) -> None:
        full = f"{self.parent}/models/{name}"
        wanted = self.world.models.get(name)
        if wanted is None:
            with pytest.raises(exceptions.NotFound):
                self.vertex.models.get_model(name=full)
            return
        found = {
            int(one.version_id): one for one in self.vertex.models.list_model_versions(name=full)
        }
        assert {n: set(one.version_aliases) for n, one in found.items()} == wanted.versions
        for number, one in found.items():
            where = {
                (ref.endpoint.rpartition("/")[2], ref.deployed_model_id)
                for ref in one.deployed_models
            }
            assert where == {
                (name_of, seat)
                for name_of, endpoint in self.world.endpoints.items()
                for seat, at in endpoint.seats.items()
                if at == (name, number)
            }
        assert self.vertex.models.get_model(name=full).version_id == str(wanted.find(""))

    def teardown(self) -> None:
        if self.held:
            self.let_go()
        for name in ("a", "b"):
            self.compare_endpoint(name)
        for name in ("m", "n"):
            self.compare_model(name)
        listed = self.vertex.endpoints.list_endpoints(parent=self.parent)
        assert {one.name.rpartition("/")[2] for one in listed} == set(self.world.endpoints)
        listed = self.vertex.models.list_models(parent=self.parent)
        assert {one.name.rpartition("/")[2] for one in listed} == set(self.world.models)


@pytest.fixture(scope="module")
def calls(
    sandbox: Sandbox, _cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[type[Calls]]:
    """The calls, with a server whose clock stands still until they turn it."""
    home = tmp_path_factory.mktemp("rules")
    server = Vertex(home, sandbox.env["STORAGE_EMULATOR_HOST"])
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


def test_calls_and_rules_agree(calls: type[Calls]) -> None:
    run(calls, 7, 40, derandomize=True, phases=[Phase.generate])
    assert calls.steps >= 200
    # It says nothing if hardly any call gets through, or hardly any is refused.
    assert calls.outcomes["done"] >= calls.steps * 0.2
    assert set(calls.outcomes) >= {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}


@pytest.mark.long
def test_calls_and_rules_agree_for_long(calls: type[Calls]) -> None:
    run(calls, 150, 80)
