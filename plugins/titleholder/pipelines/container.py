"""The container that serves a model: Vertex AI's ModelContainerSpec in its REST form. No I/O.

Field names, defaults and bounds are those of ModelContainerSpec, Port, EnvVar and Probe in
google/cloud/aiplatform/v1/model.proto and env_var.proto. Google's own artifact type
google.UnmanagedContainerModel has the same metadata `containerSpec`.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from titleholder.config.messages import FieldError, validation_messages

# The environment variable by which a model server checks the files that it loads.
MODEL_DIGEST = "MODEL_SHA256"
MAX_DEPLOYMENT_SECONDS = 7200


class InvalidContainer(ValueError):
    """A container spec is invalid; the message has the key and the remedy of each error."""


def _whole(value: Any) -> Any:
    # The metadata of an artifact is a Struct, whose numbers are floats, and JSON of protobuf
    # writes an int64 as a string.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value) else value


def _matching(pattern: str, remedy: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(remedy)
        return value

    return AfterValidator(check)


def _timeout(value: str) -> str:
    match = re.fullmatch(r"([0-9]{1,9}(\.[0-9]{1,9})?)s", value)
    if match is None or not 0 < float(match[1]) <= MAX_DEPLOYMENT_SECONDS:
        raise ValueError(f"write seconds, more than 0s and at most {MAX_DEPLOYMENT_SECONDS}s")
    return value


_Whole = Annotated[int, BeforeValidator(_whole)]
_Port = Annotated[_Whole, Field(ge=1, le=65535)]
_Positive = Annotated[_Whole, Field(ge=1, lt=2**31)]
_Image = Annotated[str, _matching(r"\S+", "write the URI of a container image")]
_Route = Annotated[str, _matching(r"/\S*", "begin it with /")]


class _Message(BaseModel):
    """A message in its REST form: unknown fields and values of another type are errors."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, populate_by_name=True
    )


class EnvVar(_Message):
    """An environment variable of the container."""

    name: Annotated[str, _matching("[A-Za-z_][A-Za-z0-9_]*", "write letters, digits and _ only")]
    value: str


class Port(_Message):
    """A port that the container listens on."""

    container_port: _Port


class _Header(_Message):
    name: str
    value: str


class _Exec(_Message):
    command: list[str] | None = None


class _HttpGet(_Message):
    path: _Route | None = None
    port: _Port | None = None
    host: str | None = None
    scheme: Literal["HTTP", "HTTPS"] | None = None
    http_headers: list[_Header] | None = None


class _Grpc(_Message):
    port: _Port | None = None
    service: str | None = None


class _TcpSocket(_Message):
    port: _Port | None = None
    host: str | None = None


class Probe(_Message):
    """A health check of the container, with at most one kind of request."""

    exec: _Exec | None = None
    http_get: _HttpGet | None = None
    grpc: _Grpc | None = None
    tcp_socket: _TcpSocket | None = None
    period_seconds: _Positive | None = None
    timeout_seconds: _Positive | None = None
    failure_threshold: _Positive | None = None
    success_threshold: _Positive | None = None
    initial_delay_seconds: Annotated[_Whole, Field(ge=0, lt=2**31)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Probe":
        kinds = {"exec": "exec", "http_get": "httpGet", "grpc": "grpc", "tcp_socket": "tcpSocket"}
        found = [kind for name, kind in kinds.items() if getattr(self, name) is not None]
        if len(found) > 1:
            raise FieldError(f"has {' and '.join(found)}; keep one of them")
        return self


class ContainerSpec(_Message):
    """The image, command, ports, routes and probes of a model's container."""

    image_uri: _Image
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[EnvVar] | None = None
    ports: list[Port] | None = None
    predict_route: _Route | None = None
    health_route: _Route | None = None
    invoke_route_prefix: Literal["/*"] | None = None
    grpc_ports: list[Port] | None = None
    deployment_timeout: Annotated[str, AfterValidator(_timeout)] | None = None
    shared_memory_size_mb: Annotated[_Whole, Field(ge=1, lt=2**63)] | None = None
    startup_probe: Probe | None = None
    health_probe: Probe | None = None
    liveness_probe: Probe | None = None

    @model_validator(mode="after")
    def _one_route(self) -> "ContainerSpec":
        if self.predict_route and self.invoke_route_prefix:
            raise FieldError("has predictRoute and invokeRoutePrefix; keep one of them")
        if any(one.name == MODEL_DIGEST for one in self.env or ()):
            raise FieldError(f"has the env {MODEL_DIGEST}, which registration sets; remove it")
        return self

    @property
    def prebuilt(self) -> bool:
        """Whether the image is one of Vertex AI's prebuilt containers for prediction."""
        return is_prebuilt(self.image_uri)

    def to_json(self) -> dict[str, Any]:
        """The REST form, without fields that are not set."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def to_register(self, digest: str) -> dict[str, Any]:
        """The REST form for the registry. A model server finds the digest of the artifact folder in
        MODEL_SHA256, and can refuse files that differ; a prebuilt container ignores it, so it is
        left out there."""
        spec = self.to_json()
        if not self.prebuilt:
            spec["env"] = [*spec.get("env", ()), {"name": MODEL_DIGEST, "value": digest}]
        return spec


def is_prebuilt(image: str) -> bool:
    """Whether the URI is that of one of Vertex AI's prebuilt containers for prediction
    (https://cloud.google.com/vertex-ai/docs/predictions/pre-built-containers)."""
    return "-docker.pkg.dev/vertex-ai/prediction/" in image


def container_spec(value: Any) -> ContainerSpec:
    """The container spec of an artifact's metadata `containerSpec`, a JSON object. Raises
    InvalidContainer."""
    try:
        return ContainerSpec.model_validate(value, by_name=False)
    except ValidationError as error:
        found = validation_messages(error, ContainerSpec)
        messages = [one.removeprefix("(top): ") for one in found]
        raise InvalidContainer("; ".join(messages)) from None
