"""What to run for a deployed model: its command, variables and probes. No I/O.

Source: ModelContainerSpec and Probe in google/cloud/aiplatform/v1/model.proto, and
https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sandbox.containers.catalog import Image

HTTP_PORT: Final = "AIP_HTTP_PORT"
_REFERENCE: Final = re.compile(r"\$(\$)?\(([A-Za-z_][A-Za-z0-9_]*)\)")
_DEFAULT_TIMEOUT: Final = 1800.0


@dataclass(frozen=True)
class Probe:
    """A probe of a server; all times are in seconds.

    It has a `path` (an HTTP request, healthy with a status from 200 to 399), a `command` (healthy
    with the exit code 0), or neither (a TCP connection).
    """

    path: str = ""
    command: tuple[str, ...] = ()
    period: float = 10.0
    timeout: float = 10.0
    failures: int = 4
    """So many failures in a row make the server unhealthy."""
    initial_delay: float = 0.0


@dataclass(frozen=True)
class Container:
    """A container to run, without its port."""

    image: Image
    command: tuple[str, ...]
    environment: Mapping[str, str]
    predict_route: str
    invoke_prefix: str
    deployment_timeout: float
    """Seconds after which a server that is not healthy fails the deployment."""
    startup: Probe
    health: Probe
    liveness: Probe

    def variables(self, port: int) -> dict[str, str]:
        """The container's environment variables, when it listens on that port."""
        return {**self.environment, HTTP_PORT: str(port)}

    def arguments(self, port: int) -> list[str]:
        """The command, with `$(NAME)` replaced by the value of a variable, as Kubernetes does: an
        unknown name stays, and `$$(NAME)` is `$(NAME)`."""
        variables = self.variables(port)

        def value(match: re.Match[str]) -> str:
            if match[1]:
                return f"$({match[2]})"
            return variables.get(match[2], match[0])

        return [_REFERENCE.sub(value, word) for word in self.command]


def container_of(
    image: Image,
    spec: Any,
    *,
    project_number: str,
    endpoint: str,
    deployed: Any,
    storage_uri: str,
    environment: Mapping[str, str],
) -> Container:
    """The container of a `DeployedModel` of an endpoint (by its resource name), whose model has the
    `ModelContainerSpec`. `environment` has variables of the sandbox."""
    endpoint_id = endpoint.rpartition("/")[2]
    default = f"/v1/endpoints/{endpoint_id}/deployedModels/{deployed.id}"
    health_route = spec.health_route or default
    predict_route = spec.predict_route or f"{default}:predict"
    machine = deployed.dedicated_resources.machine_spec
    variables = {
        **environment,
        **{variable.name: variable.value for variable in spec.env},
        "AIP_MODE": "PREDICTION",
        "AIP_MODE_VERSION": "1.0.0",
        "AIP_HEALTH_ROUTE": health_route,
        "AIP_PREDICT_ROUTE": predict_route,
        "AIP_STORAGE_URI": storage_uri,
        "AIP_ENDPOINT_ID": endpoint_id,
        "AIP_DEPLOYED_MODEL_ID": deployed.id,
        "AIP_VERSION_NAME": deployed.id,
        "AIP_PROJECT_NUMBER": project_number,
        "AIP_MACHINE_TYPE": machine.machine_type,
    }
    if machine.accelerator_type:
        variables["AIP_ACCELERATOR_TYPE"] = machine.accelerator_type.name
    timeout = spec.deployment_timeout.total_seconds() if spec.deployment_timeout else 0.0
    return Container(
        image,
        (tuple(spec.command) or image.command) + tuple(spec.args),
        variables,
        predict_route,
        spec.invoke_route_prefix,
        timeout or _DEFAULT_TIMEOUT,
        # Without a probe of its own, a server is asked often, so that it is soon found healthy.
        _probe(spec, "startup_probe", Probe(health_route, period=0.05, failures=0)),
        _probe(spec, "health_probe", Probe(health_route)),
        _probe(spec, "liveness_probe", Probe()),
    )


def _probe(spec: Any, field: str, default: Probe) -> Probe:
    if field not in spec:
        return default
    probe = getattr(spec, field)
    return Probe(
        path=probe.http_get.path if "http_get" in probe else "",
        command=tuple(probe.exec_.command) if "exec_" in probe else (),
        period=float(probe.period_seconds or 10),
        timeout=float(probe.timeout_seconds or 1),
        failures=int(probe.failure_threshold or 3),
        initial_delay=float(probe.initial_delay_seconds or 0),
    )


def port_of(spec: Any) -> int:
    """The port on which the container would listen on Vertex AI, for messages."""
    ports: Sequence[Any] = spec.ports
    return int(ports[0].container_port) if ports else 8080
