"""Copies of a location, for tests that begin many times from the same state."""

from collections.abc import Mapping
from typing import Any, Final

from google.cloud.aiplatform_v1 import types
from google.longrunning import operations_pb2

from sandbox.vertex.faults.traffic import TrafficHistory
from sandbox.vertex.http.errors import FailedPrecondition, InvalidArgument
from sandbox.vertex.http.resource_names import Names
from sandbox.vertex.store import Store

_FIELDS: Final = ("location", "to")


class Snapshots:
    """Copies locations within a store."""

    def __init__(self, store: Store, names: Names, traffic: TrafficHistory) -> None:
        self._store = store
        self._root = f"projects/{names.number}/locations/"
        self._traffic = traffic

    def create(self, fields: Mapping[str, Any]) -> None:
        """Copy `fields["location"]` to `fields["to"]`, an empty location whose name is as long.

        Its deployed models count as ready. Raises InvalidArgument for other fields,
        FailedPrecondition while an operation runs in the location.
        """
        names = [fields.get(field) for field in _FIELDS]
        # Names are replaced in serialized messages, which contain their lengths.
        if set(fields) != set(_FIELDS) or len({len(str(name)) for name in names}) != 1:
            raise InvalidArgument(
                "A snapshot needs location, and to, another location whose name is as long."
            )
        source, target = (f"{self._root}{name}" for name in names)
        with self._store.transaction():
            operations = self._store.list(operations_pb2.Operation, f"{source}/")
            if not all(operation.done for operation in operations):
                raise FailedPrecondition(f"Operations run in {source}; wait for them.")
            self._store.copy(source, target)
            for endpoint in self._store.list(types.Endpoint, f"{target}/"):
                self._traffic.count_as_ready(endpoint)
                self._traffic.record(endpoint.name)
