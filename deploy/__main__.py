"""The command of `make deploy`: `python -m deploy --project P --location L --environment E`."""

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from deploy.airflow import wait_until_parsed
from deploy.apply import apply
from deploy.bucket import Bucket
from deploy.checkout import DesiredState, desired_state
from deploy.composer import Composer
from deploy.objections import objections, uncommitted
from deploy.plan import Object, plan
from titleholder.errors import EnvironmentConfigError, TitleholderError

REPOSITORY = Path(__file__).resolve().parents[1]
INTERRUPTED = 130
_NAMES = {
    "project": (r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project's id, as my-project"),
    "location": (r"[a-z]+-[a-z]+\d+", "a region, as us-central1"),
    "environment": (r"[a-z]([a-z0-9-]{0,62}[a-z0-9])?", "an environment's name, as production"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0: deployed and verified; 1: refused or failed, with one sentence on stderr; 130: stopped."""
    options = _parser().parse_args(arguments)
    try:
        _check(options)
        desired = desired_state(options.repository, options.owner)
        if desired.left_out:
            print(f"not uploaded: {', '.join(desired.left_out)}")
        return _dry_run(options, desired) if options.dry_run else _deploy(options, desired)
    except (TitleholderError, OSError, RequestException) as error:
        print(f"deploy: {error}", file=sys.stderr)
    except GoogleAuthError as error:
        reason = " ".join(str(error).split())
        print(
            f"deploy: no working credentials: {reason}; run `gcloud auth application-default "
            "login`",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("deploy: stopped; repeat the same command to continue", file=sys.stderr)
        return INTERRUPTED
    return 1


def _check(options: argparse.Namespace) -> None:
    for name, (pattern, description) in _NAMES.items():
        value = getattr(options, name)
        if not value and not options.dry_run:
            raise EnvironmentConfigError(
                f"{name.upper()} is missing; write make deploy PROJECT=my-project "
                "LOCATION=us-central1 ENVIRONMENT=production"
            )
        if value and not re.fullmatch(pattern, value):
            raise EnvironmentConfigError(f"{name.upper()} is {value!r}; write {description}")


def _clients(options: argparse.Namespace) -> tuple[Composer, Any]:
    """Raises EnvironmentConfigError when only one of the two services is emulated."""
    if ("STORAGE_EMULATOR_HOST" in os.environ) != ("COMPOSER_EMULATOR_HOST" in os.environ):
        raise EnvironmentConfigError(
            "only one of STORAGE_EMULATOR_HOST and COMPOSER_EMULATOR_HOST is set; unset it (it may "
            "come from var/sandbox.env) to deploy to Google Cloud"
        )
    if "COMPOSER_EMULATOR_HOST" in os.environ:
        from google.auth.credentials import AnonymousCredentials

        credentials: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]
    else:
        import google.auth

        scope = "https://www.googleapis.com/auth/cloud-platform"
        credentials = google.auth.default(scopes=[scope])[0]
    parent = f"projects/{options.project}/locations/{options.location}"
    return Composer(f"{parent}/environments/{options.environment}", credentials), credentials


def _dry_run(options: argparse.Namespace, desired: DesiredState) -> int:
    existing: Mapping[str, Object] = {}
    bucket_url = "gs://BUCKET"
    try:
        if not (options.project and options.location and options.environment):
            raise EnvironmentConfigError("PROJECT, LOCATION and ENVIRONMENT are not all given")
        composer, credentials = _clients(options)
    except (GoogleAuthError, EnvironmentConfigError) as error:
        reason = " ".join(str(error).split())
        print(f"dry run for an empty environment ({reason})")
    else:
        environment = composer.find()
        bucket = Bucket(environment.bucket, options.project, credentials)
        existing, bucket_url = bucket.objects(), f"gs://{bucket.name}"
        print(f"dry run for {composer.name}, {environment.image}")
    print(
        f"release {desired.release} of {desired.owner}, names relative to {bucket_url}/; nothing "
        "is changed"
    )
    steps = [str(step) for step in plan(desired, existing, force=options.force)]
    steps.append("query Airflow for import errors, and until it has parsed the DAGs")
    for number, step in enumerate(steps, 1):
        print(f"{number}. {step}")
    return 1 if _refused(options, desired, existing) else 0


def _refused(
    options: argparse.Namespace, desired: DesiredState, existing: Mapping[str, Object]
) -> bool:
    """Whether there is an objection that the options do not override. Each of those is printed on
    stderr, each overridden one on stdout."""
    found = [
        *((objection, options.uncommitted, "UNCOMMITTED=1") for objection in uncommitted(desired)),
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
    if _refused(options, desired, existing):
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
    for name, (_, description) in _NAMES.items():
        parser.add_argument(f"--{name}", default="", help=description)
    parser.add_argument("--dry-run", action="store_true", help="print the steps, change nothing")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace objects of other owners, drop models that are not in the checkout",
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
