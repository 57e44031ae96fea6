"""The steps of a deployment, from the desired state and the objects in the bucket. No I/O."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from deploy.checkout import DesiredState
from deploy.release_guard import FOLDER

# Releases besides the one in use: for going back, and for tasks that still run.
RELEASES_TO_KEEP = 2


@dataclass(frozen=True)
class Object:
    """An object in the bucket.

    `md5` (base64) is computed by Cloud Storage, `digest` was recorded by the deployment: they
    differ after another process has written the object. `release` and `owner` are those of the
    deployment.
    """

    md5: str
    generation: int
    created: datetime
    digest: str = ""
    release: str = ""
    owner: str = ""

    @property
    def deployed(self) -> bool:
        """Whether a deployment was the last to write it."""
        return bool(self.digest) and self.digest == self.md5

    def written_by(self, owner: str) -> bool:
        """Whether a deployment of `owner` was the last to write it."""
        return self.deployed and self.owner == owner


@dataclass(frozen=True)
class Upload:
    """Write the object; `generation` is that of the object that it replaces, 0 for none."""

    name: str
    content: bytes
    generation: int = 0

    def __str__(self) -> str:
        return f"upload {self.name}" + (" (replaces another)" if self.generation else "")


@dataclass(frozen=True)
class Delete:
    """Delete an object of this owner that the checkout no longer has."""

    name: str
    generation: int

    def __str__(self) -> str:
        return f"delete {self.name}"


@dataclass(frozen=True)
class Compare:
    """List the bucket; continue only when each of these objects has that MD5 (base64) and `folder`
    contains no other."""

    md5s: Mapping[str, str]
    folder: str

    def __str__(self) -> str:
        return f"list the bucket and compare {len(self.md5s)} objects by MD5"


@dataclass(frozen=True)
class Wait:
    """Wait until Composer has synced the upload to every worker."""

    uploaded: str

    def __str__(self) -> str:
        return f"wait for the sync of {self.uploaded}"


Step = Upload | Delete | Compare | Wait


def md5_of(content: bytes) -> str:
    """The MD5 of the content in base64, as in Cloud Storage."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def plan(
    desired: DesiredState, existing: Mapping[str, Object], *, force: bool = False
) -> list[Step]:
    """The steps in order: upload the release, upload the DAG files, delete stale objects.

    `objections` decides whether they may be applied. With `force` DAG files of other owners are
    written even if their content is the same, which changes their owner.
    """
    release_objects = list(_uploads(desired.release_objects, existing))
    entry_objects = list(
        _uploads(desired.entry_objects, existing, desired.owner if force else None)
    )
    steps: list[Step] = [*release_objects]
    if entry_objects:
        # Also when the release is complete: an interrupted deployment may just have uploaded it.
        steps += [_compare(desired, desired.release_objects), Wait("the release"), *entry_objects]
    if steps:
        steps += [_compare(desired, desired.objects), Wait("the DAG files")]
    stale = list(_stale(desired, existing))
    if stale or not steps:
        steps += [*stale, _compare(desired, desired.objects)]
    return steps


def grouped(steps: Sequence[Step]) -> list[str]:
    """The steps as text, with one line for consecutive uploads to, or deletions of, one release's
    folder. An object that replaces another has its own line."""
    lines: list[str] = []
    for (folder, verb), group in groupby(steps, _group):
        texts = [str(step) for step in group]
        if folder and len(texts) > 1:
            texts = [f"{verb} {folder} ({len(texts)} objects; VERBOSE=1 names them)"]
        lines += texts
    return lines


def _group(step: Step) -> tuple[str, str]:
    """Folder and verb, both empty for a step of its own."""
    match step:
        case Upload(name, generation=0):
            verb = "upload"
        case Delete(name):
            verb = "delete"
        case _:
            return "", ""
    release = release_of(name)
    return (f"{FOLDER}{release}/", verb) if release else ("", "")


def _compare(desired: DesiredState, objects: Mapping[str, bytes]) -> Compare:
    md5s = {name: md5_of(content) for name, content in objects.items()}
    return Compare(md5s, f"{FOLDER}{desired.release}/")


def _uploads(
    group: Mapping[str, bytes], existing: Mapping[str, Object], new_owner: str | None = None
) -> Iterator[Upload]:
    for name, content in group.items():
        found = existing.get(name)
        if (
            found is None
            or found.md5 != md5_of(content)
            or (new_owner is not None and not found.written_by(new_owner))
        ):
            yield Upload(name, content, found.generation if found else 0)


def _stale(desired: DesiredState, existing: Mapping[str, Object]) -> Iterator[Delete]:
    """Unchanged objects of the owner that are not desired: DAG files, and releases except the
    newest and that of the existing DAG files. Pipelines stay: a backfill may name any of them."""
    needed = {desired.release}
    releases: dict[str, datetime] = {}
    for name, found in existing.items():
        if name.startswith("dags/"):
            needed.add(found.release)
        if (release := release_of(name)) and found.owner == desired.owner:
            releases[release] = max(found.created, releases.get(release, found.created))
    releases.pop(desired.release, None)
    needed |= {*sorted(releases, key=lambda release: releases[release])[-RELEASES_TO_KEEP:]}
    for name, found in sorted(existing.items()):
        release = release_of(name)
        stale = release not in needed if release else name.startswith("dags/")
        if stale and found.written_by(desired.owner) and name not in desired.objects:
            yield Delete(name, found.generation)


def release_of(name: str) -> str:
    """The release whose folder contains the object `name`; empty for none."""
    match = re.match(rf"{FOLDER}([0-9a-f]{{12}})/", name)
    return match[1] if match else ""
