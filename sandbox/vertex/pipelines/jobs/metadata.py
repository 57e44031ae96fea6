"""What Vertex ML Metadata would know: every artifact, and executions that can be used again."""

import hashlib
import json
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format, struct_pb2, wrappers_pb2

from sandbox.vertex.pipelines.protocol.events import TaskEvent
from sandbox.vertex.pipelines.spec import values
from sandbox.vertex.store import Store


class Metadata:
    """Kept in the store: they survive a restart, and the job that made them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, parent: str, artifact_id: str) -> values.Artifact | None:
        """The artifact of that id in a location, or None."""
        found = self._store.get(types.Artifact, f"{_home(parent)}/artifacts/{artifact_id}")
        return None if found is None else _plain(found)

    def message(self, artifact: values.Artifact, now: Any) -> types.Artifact:
        """The artifact as details show it; kept from the first time on, and never changed."""
        with self._store.transaction():
            found = self._store.get(types.Artifact, artifact.name)
            if found is None:
                found = _message(artifact, now)
                self._store.put(artifact.name, found)
                parent = artifact.name.partition("/metadataStores/")[0]
                place = _alike(parent, artifact.uri, artifact.type, artifact.metadata)
                if self._store.get(wrappers_pb2.StringValue, place) is None:
                    self._store.put(place, wrappers_pb2.StringValue(value=artifact.name))
            return found

    def alike(
        self, parent: str, uri: str, kind: dict[str, Any], metadata: dict[str, Any]
    ) -> str | None:
        """The name of the first artifact of that URI, type and metadata, for an importer."""
        place = _alike(parent, uri, kind, metadata)
        found = self._store.get(wrappers_pb2.StringValue, place)
        return None if found is None else str(found.value)

    def keep(self, parent: str, event: TaskEvent) -> None:
        """Have the task's outputs at hand for the next of its `cache_key`."""
        content = {
            "parameters": event.output_parameters,
            "artifacts": {key: [vars(one) for one in many] for key, many in event.outputs.items()},
            "stored": event.stored,
        }
        kept = wrappers_pb2.StringValue(value=json.dumps(content))
        self._store.put(_cached(parent, event.cache_key), kept)

    def reuse(self, parent: str, cache_key: str) -> Any:
        """What `keep` was given last for that key, as JSON, or None."""
        found = self._store.get(wrappers_pb2.StringValue, _cached(parent, cache_key))
        return None if found is None else json.loads(found.value)


def struct(content: dict[str, Any]) -> struct_pb2.Struct:
    """The content as protobuf has it."""
    made: struct_pb2.Struct = json_format.ParseDict(content, struct_pb2.Struct())
    return made


def _home(parent: str) -> str:
    return f"{parent}/metadataStores/default"


def _cached(parent: str, cache_key: str) -> str:
    return f"{_home(parent)}/cache/{cache_key}"


def _alike(parent: str, uri: str, kind: dict[str, Any], metadata: dict[str, Any]) -> str:
    same = json.dumps([uri, kind.get("schemaTitle"), metadata], sort_keys=True)
    return f"{_home(parent)}/alike/{hashlib.sha256(same.encode()).hexdigest()}"


def _message(artifact: values.Artifact, now: Any) -> types.Artifact:
    return types.Artifact(
        name=artifact.name,
        display_name=artifact.key,
        uri=artifact.uri,
        create_time=now,
        update_time=now,
        state=types.Artifact.State.LIVE,
        schema_title=artifact.type.get("schemaTitle", ""),
        schema_version=artifact.type.get("schemaVersion", ""),
        metadata=struct(artifact.metadata),
    )


def _plain(message: types.Artifact) -> values.Artifact:
    content = json_format.MessageToDict(types.Artifact.pb(message).metadata)
    return values.Artifact(
        message.display_name,
        message.name,
        message.uri,
        {"schemaTitle": message.schema_title, "schemaVersion": message.schema_version},
        values.whole_numbers(content),
    )
