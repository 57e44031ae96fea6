"""A person at the console, who edits an endpoint without asking a rollout; and what lies there.

Their writes are blind: no etag, and a split that is sent along with an undeployment.
"""

from collections.abc import Callable
from typing import Any

from google.api_core import exceptions

from tests.sandbox.conftest import IMAGE, MACHINE
from tests.titleholder.reconciler.conftest import Scene, name

FOREIGN = ("7", "8", "9999999999")
SHARES = ((70, 30), (50, 50), (1, 99))
BEGUN = "seat-begun"
JOINED = "joined"
BEGINNINGS: dict[str, tuple[dict[int, int], dict[str, int]]] = {
    # The shares of the weeks that are deployed, and the roles.
    "crowned": ({0: 100}, {"champion": 0}),
    "challenged": ({0: 90, 1: 10}, {"champion": 0, "challenger": 1}),
    "promoted": ({0: 0, 1: 100}, {"champion": 1, "previous-champion": 0}),
    "withdrawn": ({0: 100, 1: 0}, {"champion": 0, "last-challenger": 1}),
    "gone": ({1: 100}, {"champion": 1, "previous-champion": 0}),
    # A person gave a share to a third model.
    JOINED: ({0: 90, 1: 10}, {"champion": 0, "challenger": 1}),
}


class Console:
    """One person and one endpoint.

    `edits` counts what they did, `undeployed` says whom, `unlabelled` which changes of a rollout
    cannot be read from the labels any more, `deleted` which versions are gone from the registry, by
    the aliases of their runs; `weeks` are those of the beginning.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.begun = 0  # How many states of the endpoint belong to its beginning.
        self.edits = 0
        self.undeployed: set[str] = set()
        self.weeks: set[int] = set()
        self.unlabelled: set[str] = set()
        self.deleted: set[str] = set()
        self._uploaded = False
        self._vertex = scene.vertex

    def look(self) -> Any:
        """The endpoint, None when there is none."""
        try:
            return self._vertex.endpoints.get_endpoint(name=self.scene.endpoint)
        except exceptions.NotFound:
            return None

    def begin(self, beginning: str) -> None:
        """What earlier rollouts left: faster than to have them roll out."""
        split, roles = BEGINNINGS[beginning]
        clock, endpoints = self._vertex.clock, self._vertex.endpoints
        endpoints.create_endpoint(
            parent=self.scene.parent, endpoint={"display_name": "m1"}, endpoint_id="m1"
        )
        weeks = sorted({*split, *roles.values()})
        self.weeks.update(weeks)
        for number, week in enumerate(weeks, 1):
            self._upload("m1", number == 1, self.scene.wish(week).version.alias)
            clock.advance(5)
        for week in split:
            alias = self.scene.wish(week).version.alias
            self._deploy(f"m1@{weeks.index(week) + 1}", name(week), alias)
            clock.advance(60)
        self.begun = 1 + len(split)
        labels = {role: name(week) for role, week in roles.items()} | {"last-event": BEGUN}
        if "challenger" in roles:
            labels["challenger-percentage"] = str(split[roles["challenger"]])
        shares = {name(week): share for week, share in split.items() if share}
        self._update(labels=labels, traffic_split=shares)
        if beginning == JOINED:
            self._join(FOREIGN[0], {"0": 20, name(0): 30, name(1): 50})
            self.edits += 1
            clock.advance(60)

    def edit(self, kind: str, pick: int) -> bool:
        """Do it; False when there is nothing to do it to, or Vertex AI refused."""
        endpoint = self.look()
        if endpoint is None or not endpoint.deployed_models:
            return False
        edit: Callable[[Any, int], bool] = getattr(self, f"_{kind}")
        try:
            done = edit(endpoint, pick)
        except (exceptions.BadRequest, exceptions.Conflict):
            return False
        self.edits += done
        return done

    def tidy(self) -> None:
        """As an actor that refuses says: all requests to one model, nobody else without a role."""
        endpoint = self.look()
        ids = [one.id for one in endpoint.deployed_models]
        first = endpoint.labels.get("champion")
        first = first if first in ids else ids[0]
        self._update(traffic_split={first: 100})
        for one in set(ids) - {first}:
            self._vertex.endpoints.undeploy_model(
                endpoint=self.scene.endpoint, deployed_model_id=one
            )
            self.undeployed.add(one)
            self._vertex.clock.advance(60)

    def _share(self, endpoint: Any, pick: int) -> bool:
        ids = [one.id for one in endpoint.deployed_models]
        if len(ids) < 2:
            return False
        one, other = ids[pick % len(ids)], ids[(pick + 1) % len(ids)]
        first, second = SHARES[pick % len(SHARES)]
        return self._update(traffic_split={one: first, other: second})

    def _move(self, endpoint: Any, pick: int) -> bool:
        ids = [one.id for one in endpoint.deployed_models]
        return self._update(traffic_split={ids[pick % len(ids)]: 100})

    def _unlabel(self, endpoint: Any, pick: int) -> bool:
        labels = dict(endpoint.labels)
        if not labels:
            return False
        self.unlabelled.add(labels.get("last-event", ""))
        del labels[sorted(labels)[pick % len(labels)]]
        return self._update(labels=labels)

    def _undeploy(self, endpoint: Any, pick: int) -> bool:
        """One that is not the champion; its share goes to another."""
        champion = endpoint.labels.get("champion")
        ids = [one.id for one in endpoint.deployed_models]
        others = [one for one in ids if one != champion]
        return bool(others) and self._take_down(ids, others[pick % len(others)])

    def _depose(self, endpoint: Any, pick: int) -> bool:
        """The champion, once all requests go to another."""
        champion = endpoint.labels.get("champion")
        ids = [one.id for one in endpoint.deployed_models]
        return champion in ids and self._take_down(ids, champion)

    def _take_down(self, ids: list[str], gone: str) -> bool:
        left = [one for one in ids if one != gone]
        if not left:
            return False
        self._vertex.endpoints.undeploy_model(
            endpoint=self.scene.endpoint, deployed_model_id=gone, traffic_split={left[0]: 100}
        )
        self.undeployed.add(gone)
        return True

    def _deploy_foreign(self, endpoint: Any, pick: int) -> bool:
        new = FOREIGN[pick % len(FOREIGN)]
        ids = [one.id for one in endpoint.deployed_models]
        if new in ids:
            return False
        self._join(new, {"0": 20, ids[0]: 80} if pick % 2 else None)
        return True

    def _join(self, new: str, split: dict[str, int] | None) -> None:
        if not self._uploaded:
            self._upload("other", True, "theirs")
            self._uploaded = True
            self._vertex.clock.advance(5)
        self._deploy("other@1", new, "theirs", split=split)

    def _delete(self, endpoint: Any, pick: int) -> bool:
        """A version that is not deployed, from the registry."""
        model = f"{self.scene.parent}/models/m1"
        deployed = {one.model_version_id for one in endpoint.deployed_models}
        versions = [
            one
            for one in self._vertex.models.list_model_versions(name=model)
            if one.version_id not in deployed and "default" not in one.version_aliases
        ]
        if not versions:
            return False
        gone = versions[pick % len(versions)]
        self._vertex.models.delete_model_version(name=f"{model}@{gone.version_id}")
        self.deleted |= {*gone.version_aliases}
        return True

    def _upload(self, model: str, new: bool, alias: str) -> None:
        parent = self.scene.parent
        where = {"model_id": model} if new else {"parent_model": f"{parent}/models/{model}"}
        fields = {
            "display_name": model,
            "artifact_uri": self.scene.artifact,
            "container_spec": {"image_uri": IMAGE},
            "version_aliases": [alias],
        }
        self._vertex.models.upload_model(request={"parent": parent, "model": fields, **where})

    def _deploy(
        self, model: str, new: str, title: str, split: dict[str, int] | None = None
    ) -> None:
        self._vertex.endpoints.deploy_model(
            endpoint=self.scene.endpoint,
            deployed_model={
                "id": new,
                "model": f"{self.scene.parent}/models/{model}",
                "display_name": title,
                "dedicated_resources": MACHINE,
            },
            traffic_split=split,
        )

    def _update(self, **fields: Any) -> bool:
        self._vertex.endpoints.update_endpoint(
            endpoint={"name": self.scene.endpoint, **fields}, update_mask={"paths": [*fields]}
        )
        return True
