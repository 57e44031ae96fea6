"""The steps of a deployment, decided from what is wanted and what the bucket lists. No I/O."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from deploy.checkout import DesiredState
from deploy.release_guard import FOLDER

# How many releases stay beside the one in use: to go back to, and for tasks that still run.
KEEP = 2


@dataclass(frozen=True)
class Object:
    """One that the bucket lists. `md5` is Cloud Storage's own (base64), `mark` what the deployment
    that wrote it said it was: they differ once somebody else has written it. `release` is the one
    that was deployed with it, `owner` whose deployment that was."""

    md5: str
    generation: int
    created: datetime
    digest: str = ""
    release: str = ""
    owner: str = ""

    @property
    def deployed(self) -> bool:
        """Whether a deployment wrote it, and nothing else has since."""
        return bool(self.digest) and self.digest == self.md5

    def of(self, owner: str) -> bool:
        """Whether a deployment of `owner` wrote it, and nothing else has since."""
        return self.deployed and self.owner == owner


@dataclass(frozen=True)
class Upload:
    """Write the object; `generation` is the one that it replaces, 0 for none."""

    name: str
    content: bytes
    generation: int = 0

    def __str__(self) -> str:
        return f"upload {self.name}" + (" (replaces another)" if self.generation else "")


@dataclass(frozen=True)
class Delete:
    """Remove an object of this owner's that the checkout has no longer."""

    name: str
    generation: int

    def __str__(self) -> str:
        return f"delete {self.name}"


@dataclass(frozen=True)
class Compare:
    """List the bucket, and go on only when each of these has that MD5 (base64), and `folder` holds
    no other."""

    md5s: Mapping[str, str]
    folder: str

    def __str__(self) -> str:
        return f"list the bucket and compare {len(self.md5s)} objects by MD5"


@dataclass(frozen=True)
class Wait:
    """Give Composer the time to bring to every worker what was uploaded."""

    what: str

    def __str__(self) -> str:
        return f"wait until {self.what} can have been synced"


Step = Upload | Delete | Compare | Wait


def md5_of(content: bytes) -> str:
    """As Cloud Storage gives it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def plan(want: DesiredState, there: Mapping[str, Object], *, force: bool = False) -> list[Step]:
    """The steps, in order: what nobody uses yet, the DAG files, the removal of what is stale.

    Whether they may be done, `objections` says. With `force` DAG files of others become those of
    `want.owner`, also where their content is the same.
    """
    ready = list(_uploads(want.ready, there))
    switch = list(_uploads(want.switch, there, want.owner if force else None))
    steps: list[Step] = [*ready]
    if switch:
        # Also when all is there already: an interrupted deployment may just have brought it.
        steps += [_compare(want, want.ready), Wait("the release"), *switch]
    if steps:
        steps += [_compare(want, want.objects), Wait("the DAG files")]
    stale = list(_stale(want, there))
    if stale or not steps:
        steps += [*stale, _compare(want, want.objects)]
    return steps


def _compare(want: DesiredState, objects: Mapping[str, bytes]) -> Compare:
    md5s = {name: md5_of(content) for name, content in objects.items()}
    return Compare(md5s, f"{FOLDER}{want.release}/")


def _uploads(
    group: Mapping[str, bytes], there: Mapping[str, Object], taking: str | None = None
) -> Iterator[Upload]:
    for name, content in group.items():
        found = there.get(name)
        if (
            found is None
            or found.md5 != md5_of(content)
            or (taking is not None and not found.of(taking))
        ):
            yield Upload(name, content, found.generation if found else 0)


def _stale(want: DesiredState, there: Mapping[str, Object]) -> Iterator[Delete]:
    """The owner's, untouched and not wanted; of its releases all but the newest, and that of the
    DAG files so far. Pipelines stay: a backfill may name any of them."""
    kept = {want.release}
    releases: dict[str, datetime] = {}
    for name, found in there.items():
        if name.startswith("dags/"):
            kept.add(found.release)
        if (release := release_of(name)) and found.owner == want.owner:
            releases[release] = max(found.created, releases.get(release, found.created))
    releases.pop(want.release, None)
    kept |= {*sorted(releases, key=lambda one: releases[one])[-KEEP:]}
    for name, found in sorted(there.items()):
        release = release_of(name)
        old = release not in kept if release else name.startswith("dags/")
        if old and found.of(want.owner) and name not in want.objects:
            yield Delete(name, found.generation)


def release_of(name: str) -> str:
    """The release in whose folder the object `name` lies; empty for none."""
    match = re.match(rf"{FOLDER}([0-9a-f]{{12}})/", name)
    return match[1] if match else ""
