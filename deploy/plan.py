"""The steps of a deployment, decided from what is wanted and what the bucket lists. No I/O."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from deploy.checkout import Wanted
from deploy.gate import FOLDER
from titleholder.errors import Refusal

# How many releases stay beside the one in use: to go back to, and for tasks that still run.
KEEP = 2


@dataclass(frozen=True)
class Object:
    """One that the bucket lists. `md5` is Cloud Storage's own (base64), `mark` what the deployment
    that wrote it said it was: they differ once somebody else has written it. `release` is the one
    that was deployed with it."""

    md5: str
    generation: int
    created: datetime
    mark: str = ""
    release: str = ""

    @property
    def ours(self) -> bool:
        """Whether a deployment wrote it, and nobody has since."""
        return bool(self.mark) and self.mark == self.md5


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
    """Remove an object of ours that this checkout has no longer."""

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
class Settle:
    """Give Composer the time to bring to every worker what was uploaded."""

    what: str

    def __str__(self) -> str:
        return f"wait until {self.what} can have been synced"


Step = Upload | Delete | Compare | Settle


def md5_of(content: bytes) -> str:
    """As Cloud Storage gives it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def plan(want: Wanted, there: Mapping[str, Object], *, force: bool = False) -> list[Step]:
    """The steps, in order: what nobody uses yet, the DAG files, the removal of what is stale.

    Raises Refusal when an object that is to be written is somebody else's, unless `force`.
    """
    foreign = [] if force else sorted(_foreign(want.objects, there))
    if foreign:
        raise Refusal(
            f"{', '.join(foreign)} in the bucket was not written by `make deploy`, or was changed "
            "since; keep what you need of it, then repeat this with FORCE=1"
        )
    ready, switch = (list(_uploads(group, there)) for group in (want.ready, want.switch))
    steps: list[Step] = [*ready]
    if switch:
        # Also when all is there already: an interrupted deployment may just have brought it.
        steps += [_compare(want, want.ready), Settle("the release"), *switch]
    if steps:
        steps += [_compare(want, want.objects), Settle("the DAG files")]
    stale = list(_stale(want, there))
    if stale or not steps:
        steps += [*stale, _compare(want, want.objects)]
    return steps


def _compare(want: Wanted, objects: Mapping[str, bytes]) -> Compare:
    md5s = {name: md5_of(content) for name, content in objects.items()}
    return Compare(md5s, f"{FOLDER}{want.release}/")


def _uploads(group: Mapping[str, bytes], there: Mapping[str, Object]) -> Iterator[Upload]:
    for name, content in group.items():
        found = there.get(name)
        if found is None or found.md5 != md5_of(content):
            yield Upload(name, content, found.generation if found else 0)


def _foreign(objects: Mapping[str, bytes], there: Mapping[str, Object]) -> Iterable[str]:
    for name, content in objects.items():
        found = there.get(name)
        if found and not found.ours and found.md5 != md5_of(content):
            yield name


def _stale(want: Wanted, there: Mapping[str, Object]) -> Iterator[Delete]:
    """Ours, untouched and not wanted; of the releases all but the newest, and that of the DAG files
    so far. Pipelines stay: a backfill may name any of them."""
    kept = {want.release}
    releases: dict[str, datetime] = {}
    for name, found in there.items():
        if name.startswith("dags/"):
            kept.add(found.release)
        if release := _release_of(name):
            releases[release] = max(found.created, releases.get(release, found.created))
    releases.pop(want.release, None)
    kept |= {*sorted(releases, key=lambda one: releases[one])[-KEEP:]}
    for name, found in sorted(there.items()):
        release = _release_of(name)
        old = release not in kept if release else name.startswith("dags/")
        if old and found.ours and name not in want.objects:
            yield Delete(name, found.generation)


def _release_of(name: str) -> str:
    match = re.match(rf"{FOLDER}([0-9a-f]{{12}})/", name)
    return match[1] if match else ""
