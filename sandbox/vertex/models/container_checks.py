"""Rules of a model's container. No I/O.

Source: ModelContainerSpec and Probe in google/cloud/aiplatform/v1/model.proto.
"""

from typing import Any, Final

from sandbox.vertex.http.errors import InvalidArgument, Unimplemented

_LONGEST_TIMEOUT: Final = 7200
_PROBES: Final = ("startup_probe", "health_probe", "liveness_probe")
_ROUTES: Final = ("predict_route", "health_route")


def check_container(spec: Any, where: str = "model.container_spec") -> None:
    """Raise InvalidArgument for an invalid field, Unimplemented for gRPC; `where` is the spec's
    field in the request."""
    if not spec.image_uri:
        raise InvalidArgument(
            f"List of found errors: 1.Field: {where}; Message: required for a model that Vertex AI "
            "did not train; send image_uri."
        )
    for name in _ROUTES:
        route = getattr(spec, name)
        if route and not route.startswith("/"):
            raise InvalidArgument(f"{where}.{name} is {route!r}; it must start with /.")
    if spec.invoke_route_prefix not in ("", "/*"):
        raise InvalidArgument(
            f"{where}.invoke_route_prefix is {spec.invoke_route_prefix!r}; the only supported "
            "value is /*."
        )
    if spec.invoke_route_prefix and spec.predict_route:
        raise InvalidArgument(
            f"{where} has predict_route and invoke_route_prefix; send one of them."
        )
    for port in spec.ports:
        if not 1 <= port.container_port <= 65_535:
            raise InvalidArgument(
                f"{where}.ports has {port.container_port}; a port is from 1 to 65535."
            )
    if spec.grpc_ports:
        raise Unimplemented(f"{where}.grpc_ports is not in the sandbox; leave it out.")
    for variable in spec.env:
        if not variable.name:
            raise InvalidArgument(f"{where}.env has a variable without a name; name it.")
    if spec.deployment_timeout and not (
        0 < spec.deployment_timeout.total_seconds() <= _LONGEST_TIMEOUT
    ):
        raise InvalidArgument(
            f"{where}.deployment_timeout is {spec.deployment_timeout}; the limit is 2 hours."
        )
    for name in _PROBES:
        probe = getattr(spec, name)
        if "grpc" in probe:
            raise Unimplemented(f"{where}.{name}.grpc is not in the sandbox; use http_get.")
        if "exec_" in probe and not probe.exec_.command:
            raise InvalidArgument(f"{where}.{name}.exec has no command.")
