"""The labels that Titleholder writes: their keys, and how values are encoded in 63 characters."""

import base64
import hashlib
import math
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from titleholder.errors import PipelineError


class DescribedEnum(StrEnum):
    """A word that is stored or shown, with a `description` for the generated reference."""

    description: str

    def __new__(cls, word: str, description: str) -> Self:
        """The word as a string."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.description = description
        return made


class Label(DescribedEnum):
    """The key of a label; the description is of its value. The labels of a model's file must not
    have one of these keys."""

    MODEL = "titleholder-model", "the model's name"
    CHAMPION = "champion", "deployed model id of the champion"
    CHALLENGER = "challenger", "deployed model id of the challenger"
    PREVIOUS_CHAMPION = "previous-champion", "deployed model id of the champion before"
    LAST_CHALLENGER = (
        "last-challenger",
        "deployed model id of the last challenger that left without a promotion",
    )
    CHALLENGER_PERCENTAGE = "challenger-percentage", "the recorded traffic percentage"
    LAST_EVENT = "last-event", "id of the event of the last change of roles or traffic"
    MACHINE_SETTINGS = (
        "machine-settings",
        "digest of the change of replicas that the last change recorded",
    )
    NEWEST_DATA = (
        "newest-data",
        "end of the newest training data of any model that had traffic, and its generation",
    )
    RUN = "titleholder-run", "digest of the dag run that submitted the job"
    PIPELINE = "titleholder-pipeline", "version of the pipeline template"
    FINGERPRINT = "fingerprint", "digest of rows, template and parameters of the training"
    DATA_INTERVAL_START = "data-interval-start", "start of the training data"
    DATA_INTERVAL_END = "data-interval-end", "end of the training data"
    DIGEST = "sha256", "digest of the artifact folder, in base32"
    JOB = "pipeline-job", "id of the training job"
    SCORE = "score", "score on held-out rows"
    HELD_OUT_LOSS = "held-out-loss", "loss of the duel's target on held-out rows, if it is known"
    FRAMEWORK = "framework-version", "version of scikit-learn"
    FRESHNESS = "freshness", "freshness of the source at training"


ROLES = (Label.CHAMPION, Label.CHALLENGER, Label.PREVIOUS_CHAMPION, Label.LAST_CHALLENGER)
# Replaced on an endpoint by each write of roles.
ROLE_LABELS = frozenset(
    {*ROLES, Label.CHALLENGER_PERCENTAGE, Label.LAST_EVENT, Label.MACHINE_SETTINGS}
)
ON_ENDPOINTS = ROLE_LABELS | {Label.MODEL, Label.NEWEST_DATA}
ON_JOBS = frozenset({Label.MODEL, Label.RUN, Label.PIPELINE, Label.FINGERPRINT})
ON_VERSIONS = frozenset(Label) - ON_ENDPOINTS - ON_JOBS | {Label.FINGERPRINT}
RESERVED = frozenset(label.value for label in Label)


def is_digest(text: str) -> bool:
    """Whether the text is a SHA-256 of 64 lower-case hexadecimal digits."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def digest_to_label(digest: str) -> str:
    """A SHA-256 as a label value: 52 characters `[a-z2-7]`, base32 in lower case without padding,
    as 64 hexadecimal digits are too long. Raises PipelineError for a text that is no digest."""
    if not is_digest(digest):
        raise PipelineError(
            f"{digest!r} is no SHA-256; give 64 lower-case hexadecimal digits, as hashlib does"
        )
    return base64.b32encode(bytes.fromhex(digest)).decode().rstrip("=").lower()


def digest_from_label(value: str) -> str:
    """The hexadecimal digest that `digest_to_label` encoded; empty for any other value."""
    if not re.fullmatch(r"[a-z2-7]{52}", value):
        return ""
    digest = base64.b32decode(f"{value.upper()}====").hex()
    # The last character has four spare bits: only one of the 16 that decode alike is valid.
    return digest if digest_to_label(digest) == value else ""


def number_to_label(value: float) -> str:
    """A finite number as a label value, to six digits: `4_21373`."""
    return f"{value:.6g}".replace(".", "_").replace("+", "")


def number_from_label(value: str) -> float | None:
    """The number that `number_to_label` encoded; None for any other value."""
    if not re.fullmatch(r"-?[0-9]+(_[0-9]+)?(e-?[0-9]{1,3})?", value):
        return None
    found = float(value.replace("_", "."))
    return found if math.isfinite(found) else None


def dag_run_label(dag_id: str, run_id: str) -> str:
    """The label of the jobs of one dag run: 32 hexadecimal digits."""
    return hashlib.sha256(f"{dag_id}/{run_id}".encode()).hexdigest()[:32]


def format_label_time(moment: datetime) -> str:
    """An aware time as a label value: `20261116t030000z`."""
    return f"{moment.astimezone(UTC):%Y%m%dt%H%M%Sz}"


def parse_label_time(value: str) -> datetime | None:
    """The time in UTC that `format_label_time` encoded; None for any other value."""
    try:
        return datetime.strptime(value, "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC)
    except ValueError:
        return None
