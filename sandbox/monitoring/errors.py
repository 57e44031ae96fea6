"""Errors of the local Cloud Monitoring, by their status in google/rpc/code.proto.

MetricError
├── InvalidArgument
├── NotFound
└── Unimplemented
"""


class MetricError(Exception):
    """An error response; `message` is one sentence: what is wrong, where, what to do."""

    status = "UNKNOWN"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidArgument(MetricError):
    """The request is invalid, or breaks a rule of the time series that it is about."""

    status = "INVALID_ARGUMENT"


class NotFound(MetricError):
    """There is no such descriptor."""

    status = "NOT_FOUND"


class Unimplemented(MetricError):
    """Google's service has it, and the sandbox has not."""

    status = "UNIMPLEMENTED"
