"""The fingerprint: one digest of training rows, pipeline template and parameters. No I/O."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from titleholder.labels import Label, digest_from_label, digest_to_label
from titleholder.rollout.view import Version

# The location of the job, which the trained model does not depend on.
_EXCLUDED = {"project", "location"}


@dataclass(frozen=True)
class TableContent:
    """The rows of an interval: their number, the time of the newest, and two digests of 64 bits
    that do not depend on the order of the rows."""

    rows: int
    newest: datetime | None
    mixed: int
    summed: int


def fingerprint(
    content: TableContent, template: Mapping[str, Any], parameters: Mapping[str, Any]
) -> str:
    """A SHA-256 in hexadecimal, the same for the same rows, pipeline and parameters."""
    newest = content.newest.timestamp() if content.newest else None
    used = {name: value for name, value in parameters.items() if name not in _EXCLUDED}
    parts = [content.rows, newest, content.mixed, content.summed, template, used]
    # A template from YAML may contain a date, which JSON cannot.
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint_labels(digest: str) -> dict[str, str]:
    """The label of a pipeline job or version with this fingerprint; empty for ""."""
    return {Label.FINGERPRINT: digest_to_label(digest)} if digest else {}


def fingerprint_from_labels(labels: Mapping[str, str]) -> str:
    """The fingerprint in these labels, "" without one."""
    return digest_from_label(labels.get(Label.FINGERPRINT, ""))


def version_with_fingerprint(digest: str, versions: Iterable[Version]) -> Version | None:
    """The newest registered version with this fingerprint."""
    same = [version for version in versions if digest and version.fingerprint == digest]
    return max(same, key=lambda version: int(version.number), default=None)
