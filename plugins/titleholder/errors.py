"""The errors of this package. Each message is one sentence: what, where, and what to do.

TitleholderError
├── ConfigError             an error in a model's YAML file
├── EnvironmentConfigError  a missing or invalid setting, resource or permission
├── PipelineError           a pipeline job failed or broke its contract
├── InvalidRequest          a request that is invalid in any state of the endpoint
├── ManualActionRequired    a state of the endpoint that must not be changed automatically
│   └── DriftDetected       the endpoint was changed by hand since the last rollout
└── RetryableError          a failed call to Google that may succeed later
"""


class TitleholderError(Exception):
    """The root of this package's errors."""


class ConfigError(TitleholderError):
    """An error in a model's YAML file; the message names file, key and remedy."""


class EnvironmentConfigError(TitleholderError):
    """A setting, resource or permission of the environment is missing or invalid."""


class PipelineError(TitleholderError):
    """A pipeline job failed, was cancelled or broke its contract."""


class InvalidRequest(TitleholderError):
    """A request that is invalid in itself: a traffic percentage out of range, an unknown model or
    parameter. It is not recorded as an event."""


class ManualActionRequired(TitleholderError):
    """Nothing was changed: the state of the endpoint or the registry needs a decision by a person.
    A rollout records it as a blocked event."""


class DriftDetected(ManualActionRequired):
    """The endpoint was changed by hand; the change must be adopted or restored first."""


class RetryableError(TitleholderError):
    """A call to Google failed and may succeed later; the task's retries repeat it."""
