"""The labels that Titleholder writes: their keys, and how values are encoded in 63 characters."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum

from titleholder.errors import PipelineError
from titleholder.naming import Recency


class Label(StrEnum):
    """The key of a label. The labels of a model's file must not have one of these keys."""

    # On endpoints and jobs: the model.
    MODEL = "titleholder-model"
    # On an endpoint: the deployed model id of each role (see rollout.roles.Roles) ...
    CHAMPION = "champion"
    CHALLENGER = "challenger"
    PREVIOUS_CHAMPION = "previous-champion"
    LAST_CHALLENGER = "last-challenger"
    # ... and the challenger's traffic percentage, the event that recorded all this, and how new the
    # newest data is that any model with traffic was trained on.
    CHALLENGER_PERCENTAGE = "challenger-percentage"
    LAST_EVENT = "last-event"
    NEWEST_DATA = "newest-data"
    # On a pipeline job: the dag run, and the version of the pipeline template.
    RUN = "titleholder-run"
    PIPELINE = "titleholder-pipeline"
    # On jobs and versions: rows, template and parameters that a version was trained on.
    FINGERPRINT = "fingerprint"
    # On a version: the interval of its data, the digest of its file, and where it comes from.
    DATA_INTERVAL_START = "data-interval-start"
    DATA_INTERVAL_END = "data-interval-end"
    DIGEST = "sha256"
    JOB = "pipeline-job"
    SCORE = "score"
    FRAMEWORK = "framework-version"
    FRESHNESS = "freshness"


ROLES = (Label.CHAMPION, Label.CHALLENGER, Label.PREVIOUS_CHAMPION, Label.LAST_CHALLENGER)
# What one write of roles replaces on an endpoint.
ROLE_LABELS = frozenset({*ROLES, Label.CHALLENGER_PERCENTAGE, Label.LAST_EVENT})
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


def label_recency(recency: Recency) -> str:
    """A recency as a label value: `20261116t030000z-g0`."""
    return f"{format_label_time(recency.until)}-g{recency.generation}"


def recency_of_label(value: str) -> Recency | None:
    """The recency that `label_recency` encoded; None for any other value."""
    match = re.fullmatch(r"(.+)-g([0-9]{1,2})", value)
    until = parse_label_time(match[1]) if match is not None else None
    return Recency(until, int(match[2])) if match is not None and until is not None else None
