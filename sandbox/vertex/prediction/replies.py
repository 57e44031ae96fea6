"""What Vertex AI makes of a model server's response. No I/O."""

import json
from typing import Any, Final

from sandbox.vertex.http.errors import ApiError, FailedPrecondition, Internal, Unavailable
from sandbox.vertex.prediction.model_client import Reply

_LONGEST_TEXT: Final = 4000


def raise_for_status(reply: Reply) -> None:
    """Raise the error that a caller gets for an error status of the server, with its text: a status
    of 4xx is FailedPrecondition, 503 Unavailable, any other Internal."""
    if 200 <= reply.status < 300:
        return
    kind: type[ApiError] = Internal
    if 400 <= reply.status < 500:
        kind = FailedPrecondition
    elif reply.status == 503:
        kind = Unavailable
    raise kind(_text(reply.content) or f"The model server responded with status {reply.status}.")


def predictions_of(reply: Reply) -> tuple[list[Any], str]:
    """The predictions in a prediction response, and their JSON text.

    Raises FailedPrecondition for a response that is not JSON or has no list `predictions`.
    """
    try:
        content = json.loads(reply.content, parse_constant=_refuse)
    except ValueError as error:
        raise FailedPrecondition(
            f"The model server's response is not JSON ({error}): {_text(reply.content)[:200]!r}."
        ) from error
    predictions = content.get("predictions") if isinstance(content, dict) else None
    if not isinstance(predictions, list):
        raise FailedPrecondition(
            "The model server's response has no list `predictions`; it must be "
            '{"predictions": [...]}.'
        )
    return predictions, json.dumps(predictions)


def _text(content: bytes) -> str:
    """The text of an error: the value of `error` if the body is JSON with such a text."""
    text = content.decode("utf-8", "replace").strip()
    try:
        error = json.loads(text).get("error")
    except (ValueError, AttributeError):
        error = None
    return (error if isinstance(error, str) else text)[:_LONGEST_TEXT]


def _refuse(constant: str) -> Any:
    raise ValueError(f"it has {constant}")
