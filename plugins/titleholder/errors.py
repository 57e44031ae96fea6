"""What goes wrong, as a person is told: one sentence that says what, where and what to do.

TitleholderError
├── ConfigError      a model's YAML file is wrong
├── SettingError     the environment lacks something (project, bucket, template)
├── PipelineError    the pipeline job did not end as it should
├── Refusal          the endpoint is in a state that must not be changed automatically
│   └── HandsOn      somebody changed it by hand since the last rollout wrote to it
└── TryAgain         Google could not do it now, and may the next time
"""


class TitleholderError(Exception):
    """The root of this package's errors."""


class ConfigError(TitleholderError):
    """A model's YAML file is wrong; the message names file, key and remedy."""


class SettingError(TitleholderError):
    """Something that the environment must give is missing or unusable."""


class PipelineError(TitleholderError):
    """A pipeline job failed, was cancelled or broke its contract."""


class Refusal(TitleholderError):
    """Nothing was changed on the endpoint, and a person has to decide."""


class HandsOn(Refusal):
    """Somebody changed the endpoint by hand; it is to be adopted or restored first."""


class TryAgain(TitleholderError):
    """Google could not do it now; the task's own retries are worth it."""
