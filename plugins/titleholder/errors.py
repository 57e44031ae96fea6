"""What goes wrong, as a person is told: one sentence that says what, where and what to do.

TitleholderError
├── ConfigError      a model's YAML file is wrong
├── EnvironmentConfigError     the environment lacks something (project, bucket, template)
├── PipelineError    the pipeline job did not end as it should
├── InvalidRequest   what was asked for cannot be, whatever a person does about the endpoint
├── ManualActionRequired          the endpoint is in a state that must not be changed automatically
│   └── DriftDetected      somebody changed it by hand since the last rollout wrote to it
└── RetryableError         Google could not do it now, and may the next time
"""


class TitleholderError(Exception):
    """The root of this package's errors."""


class ConfigError(TitleholderError):
    """A model's YAML file is wrong; the message names file, key and remedy."""


class EnvironmentConfigError(TitleholderError):
    """Something that the environment must give is missing or unusable."""


class PipelineError(TitleholderError):
    """A pipeline job failed, was cancelled or broke its contract."""


class InvalidRequest(TitleholderError):
    """A request that is wrong in itself: a share out of range, a model that is not there, an
    unknown parameter. It is answered with its sentence, and is no event of the endpoint."""


class ManualActionRequired(TitleholderError):
    """Nothing was changed, as the endpoint's or the registry's state needs a person. One that a
    rollout meets is an event."""


class DriftDetected(ManualActionRequired):
    """Somebody changed the endpoint by hand; it is to be adopted or restored first."""


class RetryableError(TitleholderError):
    """Google could not do it now; the task's own retries are worth it."""
