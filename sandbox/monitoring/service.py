"""MetricService of google/monitoring/v3/metric_service.proto."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from google.api.metric_pb2 import MetricDescriptor
from google.cloud.monitoring_v3 import types

from sandbox.monitoring import writing
from sandbox.monitoring.descriptors import built_in, resources
from sandbox.monitoring.errors import InvalidArgument, NotFound, Unimplemented
from sandbox.monitoring.filters import parse
from sandbox.monitoring.pages import page
from sandbox.monitoring.reading import list_time_series
from sandbox.monitoring.series import SECOND, Identity, Point, micros
from sandbox.monitoring.store import MetricStore

_MOST_DESCRIPTORS: Final = 10_000
_MOST_SERIES: Final = 200
_RECENT: Final = 25 * 3600 * SECOND


class MetricService:
    """The methods that the sandbox has: each takes its request, and returns its response."""

    def __init__(
        self,
        store: MetricStore,
        clock: Callable[[], datetime],
        project: str,
        collect: Callable[[], None],
    ) -> None:
        """`collect` is called before points are read; it stores those that are only in memory."""
        self._store = store
        self._clock = clock
        self._project = project
        self._collect = collect

    def list_time_series(self, request: Any) -> Any:
        """A page of time series. Raises InvalidArgument, NotFound, Unimplemented."""
        self._collect()
        return list_time_series(request, self._store, self._known(), self._project)

    def create_time_series(self, request: Any) -> None:
        """Add a point to each of the custom time series, or to none of them.

        A metric without a descriptor gets one of its first point. Raises InvalidArgument.
        """
        if not 1 <= len(request.time_series) <= _MOST_SERIES:
            raise InvalidArgument(
                f"timeSeries has {len(request.time_series)} entries; 1 to {_MOST_SERIES} are "
                "allowed."
            )
        now = micros(self._clock())
        with self._store.transaction():
            known, places = self._store.descriptors(), resources(self._project)
            found: dict[Identity, Point] = {}
            for number, series in enumerate(request.time_series):
                where = f"timeSeries[{number}]"
                writing.check_series(series, where)
                descriptor = known.get(series.metric.type)
                if descriptor is None:
                    descriptor = known[series.metric.type] = writing.descriptor_of(series)
                    self._store.describe(descriptor)
                identity = writing.identity_of(series, descriptor, places, self._project, where)
                if identity in found:
                    raise InvalidArgument(f"{where}: only one point of a time series can be sent.")
                last = self._store.last(identity, now + _RECENT)
                found[identity] = writing.point_of(series, descriptor, last, now, where)
            self._store.add(found.items(), now)

    def list_metric_descriptors(self, request: Any) -> Any:
        """A page of descriptors, by type. Raises InvalidArgument, Unimplemented."""
        self._collect()
        wanted = self._of_types(request.filter)
        active = self._store.active(micros(self._clock()) - _RECENT)
        found = []
        for kind, descriptor in sorted(self._known().items()):
            places = list(descriptor.monitored_resource_types)
            recent = {resource for metric, resource in active if metric == kind}
            if request.active_only and not recent:
                continue
            accepted = any(
                wanted.accepts({"metric.type": kind, "resource.type": place})
                for place in places or recent or [""]
            )
            if accepted:
                found.append(self._named(descriptor))
        some, token = page(found, request, request.filter, _MOST_DESCRIPTORS)
        return types.ListMetricDescriptorsResponse(metric_descriptors=some, next_page_token=token)

    def get_metric_descriptor(self, request: Any) -> Any:
        """The descriptor. Raises NotFound."""
        return self._named(self._descriptor(request.name))

    def create_metric_descriptor(self, request: Any) -> Any:
        """Create or replace the descriptor of a custom metric, and return it.

        Raises InvalidArgument, also for another kind or type of a metric that has points.
        """
        descriptor = MetricDescriptor()
        descriptor.CopyFrom(request.metric_descriptor)
        writing.check_descriptor(descriptor)
        descriptor.ClearField("monitored_resource_types")
        with self._store.transaction():
            old = self._store.descriptors().get(descriptor.type)
            sort = (descriptor.metric_kind, descriptor.value_type)
            used = bool(self._store.identities(descriptor.type))
            if old is not None and used and (old.metric_kind, old.value_type) != sort:
                raise InvalidArgument(
                    f"{descriptor.type} has points of another metricKind or valueType; delete its "
                    "descriptor first, which deletes them."
                )
            self._store.describe(descriptor)
        return self._named(descriptor)

    def delete_metric_descriptor(self, request: Any) -> None:
        """Delete a custom metric with its points. Raises InvalidArgument, NotFound."""
        descriptor = self._descriptor(request.name)
        writing.check_type(descriptor.type)
        self._store.forget(descriptor.type)

    def list_monitored_resource_descriptors(self, request: Any) -> Any:
        """A page of resource descriptors. Raises InvalidArgument, Unimplemented."""
        wanted = self._of_types(request.filter)
        found = [
            descriptor
            for kind, descriptor in sorted(resources(self._project).items())
            if wanted.accepts({"resource.type": kind})
        ]
        some, token = page(found, request, request.filter, _MOST_DESCRIPTORS)
        return types.ListMonitoredResourceDescriptorsResponse(
            resource_descriptors=some, next_page_token=token
        )

    def get_monitored_resource_descriptor(self, request: Any) -> Any:
        """The resource descriptor. Raises NotFound."""
        kind = request.name.partition("/monitoredResourceDescriptors/")[2]
        found = resources(self._project).get(kind)
        if found is None:
            raise NotFound(f"There is no monitored resource {kind[:200]!r}; list those there are.")
        return found

    def _known(self) -> dict[str, Any]:
        return {**built_in(), **self._store.descriptors()}

    def _descriptor(self, name: str) -> Any:
        kind = name.partition("/metricDescriptors/")[2]
        found = self._known().get(kind)
        if found is None:
            raise NotFound(
                f"Could not find descriptor for metric {kind[:200]!r}; list the metric descriptors."
            )
        return found

    def _named(self, descriptor: Any) -> Any:
        named = MetricDescriptor()
        named.CopyFrom(descriptor)
        named.name = f"projects/{self._project}/metricDescriptors/{descriptor.type}"
        return named

    def _of_types(self, text: str) -> Any:
        wanted = parse(text)
        for one in wanted.comparisons:
            if one.field not in ("metric.type", "resource.type"):
                raise Unimplemented(
                    f"{one.field} in a filter of descriptors is not in the sandbox; name "
                    "metric.type and resource.type only."
                )
        return wanted
