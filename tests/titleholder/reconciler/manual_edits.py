"""Manual edits of an endpoint, as in the console, and the starting states of an endpoint.

The writes are blind: without an etag, and an undeployment sends a split along.
"""

from collections.abc import Callable
from typing import Any

from google.api_core import exceptions

from tests.sandbox.conftest import CONSTANT, MACHINE
from tests.titleholder.reconciler.conftest import ModelUnderTest, id_of_week

UNMANAGED = ("7", "8", "9999999999")
SPLITS = ((70, 30), (50, 50), (1, 99))
SETUP_EVENT = "deploy_challenger-setup"
WITH_UNMANAGED = "with_unmanaged"
STARTING_STATES: dict[str, tuple[dict[int, int], dict[str, int]]] = {
    # The traffic percentages of the weeks that are deployed, and the roles.
    "first_champion": ({0: 100}, {"champion": 0}),
    "challenged": ({0: 90, 1: 10}, {"champion": 0, "challenger": 1}),
    "promoted": ({0: 0, 1: 100}, {"champion": 1, "previous-champion": 0}),
    "aborted": ({0: 100, 1: 0}, {"champion": 0, "last-challenger": 1}),
    "previous_undeployed": ({1: 100}, {"champion": 1, "previous-champion": 0}),
    # A third model was deployed by hand, with traffic.
    WITH_UNMANAGED: ({0: 90, 1: 10}, {"champion": 0, "challenger": 1}),
}


class ManualEdits:
    """The manual edits of one endpoint.

    `edits` counts them, `undeployed` are the models undeployed, `unreadable_events` the events
    whose label was removed, `deleted` the versions deleted from the registry, by the names of their
    training runs; `weeks` are those of the starting state, `setup_states` counts its states.
    """

    def __init__(self, m1: ModelUnderTest) -> None:
        self.m1 = m1
        self.setup_states = 0
        self.edits = 0
        self.undeployed: set[str] = set()
        self.weeks: set[int] = set()
        self.unreadable_events: set[str] = set()
        self.deleted: set[str] = set()
        self._uploaded = False
        self._vertex = m1.vertex

    def endpoint(self) -> Any:
        """The endpoint, None when there is none."""
        try:
            return self._vertex.endpoints.get_endpoint(name=self.m1.endpoint)
        except exceptions.NotFound:
            return None

    def set_up(self, starting_state: str) -> None:
        """Make a state that earlier rollouts could have left, faster than by running them."""
        split, roles = STARTING_STATES[starting_state]
        clock, endpoints = self._vertex.clock, self._vertex.endpoints
        endpoints.create_endpoint(
            parent=self.m1.parent, endpoint={"display_name": "m1"}, endpoint_id="m1"
        )
        weeks = sorted({*split, *roles.values()})
        self.weeks.update(weeks)
        for number, week in enumerate(weeks, 1):
            self._upload("m1", number == 1, self.m1.candidate(week).version.alias)
            clock.advance(5)
        for week in split:
            alias = self.m1.candidate(week).version.alias
            self._deploy(f"m1@{weeks.index(week) + 1}", id_of_week(week), alias)
            clock.advance(60)
        self.setup_states = 1 + len(split)
        labels = {role: id_of_week(week) for role, week in roles.items()} | {
            "last-event": SETUP_EVENT
        }
        if "challenger" in roles:
            labels["challenger-percentage"] = str(split[roles["challenger"]])
        percentages = {
            id_of_week(week): percentage for week, percentage in split.items() if percentage
        }
        self._update(labels=labels, traffic_split=percentages)
        if starting_state == WITH_UNMANAGED:
            self._deploy_unmanaged(UNMANAGED[0], {"0": 20, id_of_week(0): 30, id_of_week(1): 50})
            self.edits += 1
            clock.advance(60)

    def edit(self, kind: str, pick: int) -> bool:
        """Apply an edit; False when it does not apply, or Vertex AI refused it."""
        endpoint = self.endpoint()
        if endpoint is None or not endpoint.deployed_models:
            return False
        edit: Callable[[Any, int], bool] = getattr(self, f"_{kind}")
        try:
            done = edit(endpoint, pick)
        except (exceptions.BadRequest, exceptions.Conflict):
            return False
        self.edits += done
        return done

    def clean_up(self) -> None:
        """What the error of a blocked actor asks for: all traffic to one model, and no others."""
        endpoint = self.endpoint()
        ids = [one.id for one in endpoint.deployed_models]
        first = endpoint.labels.get("champion")
        first = first if first in ids else ids[0]
        self._update(traffic_split={first: 100})
        for one in set(ids) - {first}:
            self._vertex.endpoints.undeploy_model(endpoint=self.m1.endpoint, deployed_model_id=one)
            self.undeployed.add(one)
            self._vertex.clock.advance(60)

    def _set_split(self, endpoint: Any, pick: int) -> bool:
        ids = [one.id for one in endpoint.deployed_models]
        if len(ids) < 2:
            return False
        one, other = ids[pick % len(ids)], ids[(pick + 1) % len(ids)]
        first, second = SPLITS[pick % len(SPLITS)]
        return self._update(traffic_split={one: first, other: second})

    def _move_traffic(self, endpoint: Any, pick: int) -> bool:
        ids = [one.id for one in endpoint.deployed_models]
        return self._update(traffic_split={ids[pick % len(ids)]: 100})

    def _remove_label(self, endpoint: Any, pick: int) -> bool:
        labels = dict(endpoint.labels)
        if not labels:
            return False
        self.unreadable_events.add(labels.get("last-event", ""))
        del labels[sorted(labels)[pick % len(labels)]]
        return self._update(labels=labels)

    def _undeploy(self, endpoint: Any, pick: int) -> bool:
        """Undeploy a model that is not the champion; another one receives all traffic."""
        champion = endpoint.labels.get("champion")
        ids = [one.id for one in endpoint.deployed_models]
        others = [one for one in ids if one != champion]
        return bool(others) and self._undeploy_by_hand(ids, others[pick % len(others)])

    def _undeploy_champion(self, endpoint: Any, pick: int) -> bool:
        """Undeploy the champion; another model receives all traffic."""
        champion = endpoint.labels.get("champion")
        ids = [one.id for one in endpoint.deployed_models]
        return champion in ids and self._undeploy_by_hand(ids, champion)

    def _undeploy_by_hand(self, ids: list[str], removed: str) -> bool:
        left = [one for one in ids if one != removed]
        if not left:
            return False
        self._vertex.endpoints.undeploy_model(
            endpoint=self.m1.endpoint, deployed_model_id=removed, traffic_split={left[0]: 100}
        )
        self.undeployed.add(removed)
        return True

    def _add_unmanaged(self, endpoint: Any, pick: int) -> bool:
        new = UNMANAGED[pick % len(UNMANAGED)]
        ids = [one.id for one in endpoint.deployed_models]
        if new in ids:
            return False
        self._deploy_unmanaged(new, {"0": 20, ids[0]: 80} if pick % 2 else None)
        return True

    def _deploy_unmanaged(self, new: str, split: dict[str, int] | None) -> None:
        if not self._uploaded:
            self._upload("other", True, "unmanaged")
            self._uploaded = True
            self._vertex.clock.advance(5)
        self._deploy("other@1", new, "unmanaged", split=split)

    def _delete_version(self, endpoint: Any, pick: int) -> bool:
        """Delete a version that is not deployed from the registry."""
        model = f"{self.m1.parent}/models/m1"
        deployed = {one.model_version_id for one in endpoint.deployed_models}
        versions = [
            one
            for one in self._vertex.models.list_model_versions(name=model)
            if one.version_id not in deployed and "default" not in one.version_aliases
        ]
        if not versions:
            return False
        removed = versions[pick % len(versions)]
        self._vertex.models.delete_model_version(name=f"{model}@{removed.version_id}")
        self.deleted |= {*removed.version_aliases}
        return True

    def _upload(self, model: str, new: bool, alias: str) -> None:
        parent = self.m1.parent
        where = {"model_id": model} if new else {"parent_model": f"{parent}/models/{model}"}
        fields = {
            "display_name": model,
            "artifact_uri": self.m1.artifact,
            "container_spec": {"image_uri": CONSTANT},
            "version_aliases": [alias],
        }
        self._vertex.models.upload_model(request={"parent": parent, "model": fields, **where})

    def _deploy(
        self, model: str, new: str, title: str, split: dict[str, int] | None = None
    ) -> None:
        self._vertex.endpoints.deploy_model(
            endpoint=self.m1.endpoint,
            deployed_model={
                "id": new,
                "model": f"{self.m1.parent}/models/{model}",
                "display_name": title,
                "dedicated_resources": MACHINE,
            },
            traffic_split=split,
        )

    def _update(self, **fields: Any) -> bool:
        self._vertex.endpoints.update_endpoint(
            endpoint={"name": self.m1.endpoint, **fields}, update_mask={"paths": [*fields]}
        )
        return True
