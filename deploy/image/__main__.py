"""The command of `make image`: `python -m deploy.image --project P --location L`."""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.command import add_names, check_names, find_credentials, run
from deploy.image import cloud_build, registry
from deploy.image.cloud_build import CloudBuild
from deploy.image.context import ContextBucket, archive
from deploy.image.registry import Image, Registry
from deploy.tracked import changed, differences
from images.reference import CONTEXT, FOLDER, check_lock, context_files, image_reference, repository
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.loopback import STORAGE

USAGE = "make image PROJECT=my-project LOCATION=us-central1"
STOPPED = (
    "stopped; a build that has started goes on: repeat the same command when it has ended, and "
    "nothing is built again"
)
_ACCOUNT = r"[\w.-]+@[\w.-]+"


@dataclass(frozen=True)
class Step:
    """A change on Google Cloud, or a check, with its text."""

    text: str
    apply: Callable[[], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the image exists; 1: refused or failed, with one sentence on stderr; 130: stopped."""
    options = _parser().parse_args(arguments)
    return run("image", lambda: _image(options), STOPPED)


def _image(options: argparse.Namespace) -> int:
    check_names(options, USAGE)
    if options.service_account and not re.fullmatch(_ACCOUNT, options.service_account):
        raise EnvironmentConfigError(
            f"SERVICE_ACCOUNT is {options.service_account!r}; write its e-mail address"
        )
    check_lock()
    _check_repository(options)
    _check_committed(options)
    reference = image_reference()
    try:
        if not (options.project and options.location):
            raise EnvironmentConfigError("PROJECT and LOCATION are not both given")
        credentials = find_credentials((STORAGE, registry.EMULATOR, cloud_build.EMULATOR))
    except EnvironmentConfigError as error:
        if not options.dry_run:
            raise
        print(f"dry run for a project without this image ({error})")
        steps = list(_steps(options, reference, None))
    else:
        if digest := Registry(credentials).digest(_parsed(reference)):
            print(f"{reference} exists, with the digest {digest}")
            return 0
        steps = list(_steps(options, reference, credentials))
    print(f"{reference}{'; nothing is changed' if options.dry_run else ''}")
    for number, step in enumerate(steps, 1):
        print(f"{number}/{len(steps)} {step.text}", flush=True)
        if not options.dry_run:
            step.apply()
    return 0


def _check_repository(options: argparse.Namespace) -> None:
    """Raise EnvironmentConfigError if the repository that pipelines are compiled with is not in
    this project and region: Vertex AI would not find the image."""
    if not (options.project and options.location):
        return
    name = repository().rpartition("/")[2]
    project = options.project.replace(":", "/")
    expected = f"{options.location}-docker.pkg.dev/{project}/{name}"
    if repository() != expected:
        raise EnvironmentConfigError(
            f"images/repository.txt says {repository()}, which is not in PROJECT and LOCATION: "
            f"write {expected} into it, run `make compile`, and commit both"
        )


def _check_committed(options: argparse.Namespace) -> None:
    patterns = [f"{FOLDER.name}/{name}" for name in (*CONTEXT, "repository.txt")]
    names = changed(FOLDER.parent, patterns)
    if not names:
        return
    reason = differences(names)
    if not options.uncommitted:
        raise EnvironmentConfigError(
            f"{reason}; commit the change, or repeat this with UNCOMMITTED=1 to build the image of "
            "the working tree as it is"
        )
    print(f"overridden by UNCOMMITTED=1: {reason}")


def _steps(options: argparse.Namespace, reference: str, credentials: Any) -> Iterator[Step]:
    """The steps to the image; those for an empty project if `credentials` is None."""
    images, image = Registry(credentials), _parsed(reference)
    bucket = ContextBucket(options.project or "PROJECT", credentials)
    builds = CloudBuild(options.project, options.location, credentials, options.service_account)
    if credentials is None or not images.has_repository(image.repository):
        yield Step(
            f"create the repository {repository()}",
            lambda: images.create_repository(image.repository, time.sleep),
        )
    if credentials is None or not bucket.exists():
        yield Step(f"create the bucket gs://{bucket.name}", lambda: bucket.create(options.location))
    content = archive(context_files())

    def build() -> None:
        with bucket.uploaded(content) as context:
            name = builds.start(reference, context)
            print(name, flush=True)
            builds.wait(name, lambda: datetime.now(UTC), time.sleep, print)

    account = options.service_account or "the project's default account"
    yield Step(
        f"upload {len(content)} bytes to gs://{bucket.name}, build the image with Cloud Build as "
        f"{account}, and delete the upload",
        build,
    )

    def verify() -> None:
        digest = images.digest(image)
        if digest is None:
            raise EnvironmentConfigError(
                f"the build has succeeded and {reference} does not exist; look for a rule of the "
                "repository that deletes images"
            )
        print(f"{reference} has the digest {digest}")

    yield Step("read the image's digest from Artifact Registry", verify)


def _parsed(reference: str) -> Image:
    image = Image.parse(reference)
    assert image is not None, reference  # images.reference has checked the repository
    return image


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.image", description=__doc__)
    add_names(parser, "project", "location")
    parser.add_argument(
        "--service-account", default="", help="e-mail address of the account that runs the build"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the steps, change nothing")
    parser.add_argument(
        "--uncommitted", action="store_true", help="build the working tree, not the last commit"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
