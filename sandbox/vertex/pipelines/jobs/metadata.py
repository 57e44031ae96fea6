"""The part of Vertex ML Metadata that jobs need: artifacts, and cached executions."""

import hashlib
import json
from typing import Any

from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format, struct_pb2, wrappers_pb2

from sandbox.vertex.pipelines.protocol.events import TaskEvent
from sandbox.vertex.pipelines.spec import values
from sandbox.vertex.store import Store


class Metadata:
    """Artifacts and cached outputs in the store, which survive their job."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, parent: str, artifact_id: str) -> values.Artifact | None:
        """The artifact of an id in a location, or None."""
        found = self._store.get(types.Artifact, f"{_store_name(parent)}/artifacts/{artifact_id}")
        return None if found is None else _plain(found)

    def message(self, artifact: values.Artifact, now: Any) -> types.Artifact:
        """The artifact as in task details; stored at the first call, and never changed."""
        with self._store.transaction():
            found = self._store.get(types.Artifact, artifact.name)
            if found is None:
                found = _message(artifact, now)
                self._store.put(artifact.name, found)
                parent = artifact.name.partition("/metadataStores/")[0]
                key = _content_key(parent, artifact.uri, artifact.type, artifact.metadata)
                if self._store.get(wrappers_pb2.StringValue, key) is None:
                    self._store.put(key, wrappers_pb2.StringValue(value=artifact.name))
            return found

    def same_artifact(
        self, parent: str, uri: str, kind: dict[str, Any], metadata: dict[str, Any]
    ) -> str | None:
        """The name of the first artifact with this URI, type and metadata, for an importer."""
        key = _content_key(parent, uri, kind, metadata)
        found = self._store.get(wrappers_pb2.StringValue, key)
        return None if found is None else str(found.value)

    def cache(self, parent: str, event: TaskEvent) -> None:
        """Store the outputs of a task under its `cache_key`."""
        content = {
            "parameters": event.output_parameters,
            "artifacts": {
                key: [vars(artifact) for artifact in artifacts]
                for key, artifacts in event.outputs.items()
            },
            "stored": event.stored,
        }
        message = wrappers_pb2.StringValue(value=json.dumps(content))
        self._store.put(_cache_name(parent, event.cache_key), message)

    def cached(self, parent: str, cache_key: str) -> Any:
        """The outputs that were cached last under a key, as JSON, or None."""
        found = self._store.get(wrappers_pb2.StringValue, _cache_name(parent, cache_key))
        return None if found is None else json.loads(found.value)


def struct(content: dict[str, Any]) -> struct_pb2.Struct:
    """The content as a protobuf Struct."""
    message: struct_pb2.Struct = json_format.ParseDict(content, struct_pb2.Struct())
    return message


def _store_name(parent: str) -> str:
    return f"{parent}/metadataStores/default"


def _cache_name(parent: str, cache_key: str) -> str:
    return f"{_store_name(parent)}/cache/{cache_key}"


def _content_key(parent: str, uri: str, kind: dict[str, Any], metadata: dict[str, Any]) -> str:
    content = json.dumps([uri, kind.get("schemaTitle"), metadata], sort_keys=True)
    return f"{_store_name(parent)}/artifactKeys/{hashlib.sha256(content.encode()).hexdigest()}"


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
        values.restore_integers(content),
    )
