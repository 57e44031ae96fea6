"""Errors of the local Vertex AI, with the fields of their REST response.

    ApiError
    ├── InvalidArgument      400
    ├── FailedPrecondition   400
    ├── PermissionDenied     403
    ├── NotFound             404
    ├── AlreadyExists        409
    ├── Aborted              409
    ├── Cancelled            499
    ├── ResourceExhausted    429
    ├── Internal             500
    ├── Unimplemented        501
    ├── Unavailable          503
    └── DeadlineExceeded     504

Status names, numbers and their HTTP codes: google/rpc/code.proto.
"""

from typing import Any


class ApiError(Exception):
    """An error response; `message` is one sentence: what is wrong, where, what to do."""

    http_status = 500
    code = 2
    status = "UNKNOWN"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self) -> dict[str, Any]:
        """The JSON body of Google's REST errors."""
        return {"error": {"code": self.http_status, "message": self.message, "status": self.status}}


class InvalidArgument(ApiError):
    """The request is invalid in any state of the system."""

    http_status, code, status = 400, 3, "INVALID_ARGUMENT"


class FailedPrecondition(ApiError):
    """The request is valid, but the state of the system does not allow it."""

    http_status, code, status = 400, 9, "FAILED_PRECONDITION"


class PermissionDenied(ApiError):
    """The resource belongs to another project, or the caller is a web page."""

    http_status, code, status = 403, 7, "PERMISSION_DENIED"


class NotFound(ApiError):
    """The resource does not exist."""

    http_status, code, status = 404, 5, "NOT_FOUND"


class AlreadyExists(ApiError):
    """A resource of this name already exists."""

    http_status, code, status = 409, 6, "ALREADY_EXISTS"


class Aborted(ApiError):
    """The resource was changed meanwhile: the etag does not match."""

    http_status, code, status = 409, 10, "ABORTED"


class Cancelled(ApiError):
    """The operation was cancelled."""

    http_status, code, status = 499, 1, "CANCELLED"


class ResourceExhausted(ApiError):
    """A quota or limit is used up."""

    http_status, code, status = 429, 8, "RESOURCE_EXHAUSTED"


class Internal(ApiError):
    """A bug in the sandbox."""

    http_status, code, status = 500, 13, "INTERNAL"


class Unimplemented(ApiError):
    """The method exists in Vertex AI, but not in the sandbox."""

    http_status, code, status = 501, 12, "UNIMPLEMENTED"


class Unavailable(ApiError):
    """The service cannot respond now; the caller may retry."""

    http_status, code, status = 503, 14, "UNAVAILABLE"


class DeadlineExceeded(ApiError):
    """The response takes longer than is allowed."""

    http_status, code, status = 504, 4, "DEADLINE_EXCEEDED"
