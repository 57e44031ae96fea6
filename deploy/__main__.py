"""The command of `make deploy`: `python -m deploy --project P --location L --environment E`."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from deploy import composer as composer_client
from deploy.airflow import wait_until_parsed
from deploy.apply import apply
from deploy.bucket import Bucket
from deploy.checkout import DesiredState, desired_state
from deploy.command import add_names, check_names, find_credentials, run
from deploy.composer import Composer
from deploy.image import registry
from deploy.image.registry import Image, Registry
from deploy.objections import images_elsewhere, missing_images, objections, uncommitted
from deploy.plan import Object, grouped, plan
from titleholder.errors import EnvironmentConfigError
from titleholder.gcp.loopback import STORAGE

REPOSITORY = Path(__file__).resolve().parents[1]
USAGE = "make deploy PROJECT=my-project LOCATION=us-central1 ENVIRONMENT=production"
STOPPED = "stopped; repeat the same command to continue"
_Lookups = dict[str, str | EnvironmentConfigError | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """0: deployed and verified; 1: refused or failed, with one sentence on stderr; 130: stopped."""
    options = _parser().parse_args(arguments)
    return run("deploy", lambda: _main(options), STOPPED)


def _main(options: argparse.Namespace) -> int:
    check_names(options, USAGE)
    desired = desired_state(options.repository, options.owner)
    if desired.left_out:
        print(f"not uploaded: {', '.join(desired.left_out)}")
    if options.location:
        for sentence in images_elsewhere(desired, options.location):
            print(f"warning: {sentence}")
    return _dry_run(options, desired) if options.dry_run else _deploy(options, desired)


def _clients(options: argparse.Namespace) -> tuple[Composer, Any]:
    credentials = find_credentials((STORAGE, composer_client.EMULATOR, registry.EMULATOR))
    parent = f"projects/{options.project}/locations/{options.location}"
    return Composer(f"{parent}/environments/{options.environment}", credentials), credentials


def _dry_run(options: argparse.Namespace, desired: DesiredState) -> int:
    existing: Mapping[str, Object] = {}
    images: _Lookups = {}
    bucket_url = "gs://BUCKET"
    try:
        if not (options.project and options.location and options.environment):
            raise EnvironmentConfigError("PROJECT, LOCATION and ENVIRONMENT are not all given")
        composer, credentials = _clients(options)
    except EnvironmentConfigError as error:
        print(f"dry run for an empty environment ({error})")
    else:
        environment = composer.find()
        bucket = Bucket(environment.bucket, options.project, credentials)
        existing, bucket_url = bucket.objects(), f"gs://{bucket.name}"
        images = _lookups(desired, credentials)
        print(f"dry run for {composer.name}, {environment.image}")
    print(
        f"release {desired.release} of {desired.owner}, names relative to {bucket_url}/; nothing "
        "is changed"
    )
    steps = plan(desired, existing, force=options.force)
    lines = [f"look up the image {image}" for image in desired.images]
    lines += [str(step) for step in steps] if options.verbose else grouped(steps)
    lines.append("query Airflow for import errors, and until it has parsed the DAGs")
    for number, line in enumerate(lines, 1):
        print(f"{number}. {line}")
    return 1 if _refused(options, desired, existing, images) else 0


def _lookups(desired: DesiredState, credentials: Any) -> _Lookups:
    """The digest of each image that the pipelines name, None for a missing one, or the error."""
    images = Registry(credentials)
    results: _Lookups = {}
    for name in desired.images:
        image = Image.parse(name)
        if image is None:
            results[name] = EnvironmentConfigError("it is no reference of an image")
            continue
        try:
            results[name] = images.digest(image)
        except EnvironmentConfigError as error:
            results[name] = error
    return results


def _refused(
    options: argparse.Namespace,
    desired: DesiredState,
    existing: Mapping[str, Object],
    images: _Lookups,
) -> bool:
    """Whether there is an objection that the options do not override. Each of those is printed on
    stderr, each overridden one on stdout."""
    found = [
        *((objection, options.uncommitted, "UNCOMMITTED=1") for objection in uncommitted(desired)),
        *((objection, options.force, "FORCE=1") for objection in missing_images(desired, images)),
        *((objection, options.force, "FORCE=1") for objection in objections(desired, existing)),
    ]
    for objection, overridden, option in found:
        if overridden:
            print(f"overridden by {option}: {objection.reason}")
        else:
            print(f"deploy: {objection}", file=sys.stderr)
    return not all(overridden for _, overridden, _ in found)


def _deploy(options: argparse.Namespace, desired: DesiredState) -> int:
    composer, credentials = _clients(options)
    environment = composer.find()
    bucket = Bucket(environment.bucket, options.project, credentials)
    print(
        f"{composer.name}, {environment.image}: release {desired.release} of {desired.owner} to "
        f"gs://{bucket.name}"
    )
    existing = bucket.objects()
    if _refused(options, desired, existing, _lookups(desired, credentials)):
        return 1
    steps = plan(desired, existing, force=options.force)
    apply(steps, desired, bucket, partial(time.sleep, options.settle), print)
    changed = len(steps) > 1
    since = datetime.now(UTC) if changed else datetime.min.replace(tzinfo=UTC)
    try:
        result = wait_until_parsed(
            composer,
            desired.entry_objects,
            desired.models,
            since,
            lambda: datetime.now(UTC),
            time.sleep,
        )
    except EnvironmentConfigError as error:
        result = f"Airflow was not queried ({error}); look for import errors in its UI"
    print(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    add_names(parser, "project", "location", "environment")
    parser.add_argument("--dry-run", action="store_true", help="print the steps, change nothing")
    parser.add_argument(
        "--verbose", action="store_true", help="let a dry run name each object of a release"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace objects of other owners, drop models that are not in the checkout, deploy "
        "pipelines whose images are not found",
    )
    parser.add_argument(
        "--uncommitted", action="store_true", help="deploy the working tree, not the last commit"
    )
    parser.add_argument(
        "--owner", default="", help="owner of the deployment (default: the remote origin)"
    )
    parser.add_argument(
        "--settle", type=float, default=60, help="seconds to wait for each sync of Composer"
    )
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
