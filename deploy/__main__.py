"""`python -m deploy --project P --location L --environment E`: what `make deploy` calls."""

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
from deploy.plan import Object, plan
from deploy.refusals import objections, uncommitted
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
        want = desired_state(options.repository, options.owner)
        if want.left_out:
            print(f"not uploaded: {', '.join(want.left_out)}")
        return _dry_run(options, want) if options.dry_run else _deploy(options, want)
    except (TitleholderError, OSError, RequestException) as error:
        print(f"deploy: {error}", file=sys.stderr)
    except GoogleAuthError as error:
        told = " ".join(str(error).split())
        print(
            f"deploy: no credentials that work: {told}; `gcloud auth application-default login` "
            "makes some",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("deploy: stopped; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    return 1


def _check(options: argparse.Namespace) -> None:
    for name, (pattern, what) in _NAMES.items():
        given = getattr(options, name)
        if not given and not options.dry_run:
            raise EnvironmentConfigError(
                f"{name.upper()} is missing; write make deploy PROJECT=my-project "
                "LOCATION=us-central1 ENVIRONMENT=production"
            )
        if given and not re.fullmatch(pattern, given):
            raise EnvironmentConfigError(f"{name.upper()} is {given!r}; write {what}")


def _clients(options: argparse.Namespace) -> tuple[Composer, Any]:
    """Raises EnvironmentConfigError when only one of the two services would be Google's."""
    if ("STORAGE_EMULATOR_HOST" in os.environ) != ("COMPOSER_EMULATOR_HOST" in os.environ):
        raise EnvironmentConfigError(
            "of STORAGE_EMULATOR_HOST and COMPOSER_EMULATOR_HOST only one is set; unset it (it may "
            "come from var/sandbox.env) to deploy to Google Cloud"
        )
    if "COMPOSER_EMULATOR_HOST" in os.environ:
        from google.auth.credentials import AnonymousCredentials

        credentials: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]
    else:
        import google.auth

        scope = "https://www.googleapis.com/auth/cloud-platform"
        credentials = google.auth.default(scopes=[scope])[0]
    place = f"projects/{options.project}/locations/{options.location}"
    return Composer(f"{place}/environments/{options.environment}", credentials), credentials


def _dry_run(options: argparse.Namespace, want: DesiredState) -> int:
    there: Mapping[str, Object] = {}
    where = "gs://BUCKET"
    try:
        if not (options.project and options.location and options.environment):
            raise EnvironmentConfigError("PROJECT, LOCATION and ENVIRONMENT are not all given")
        composer, credentials = _clients(options)
    except (GoogleAuthError, EnvironmentConfigError) as error:
        told = " ".join(str(error).split())
        print(f"dry run for an environment in which nothing is yet ({told})")
    else:
        found = composer.find()
        bucket = Bucket(found.bucket, options.project, credentials)
        there, where = bucket.objects(), f"gs://{bucket.name}"
        print(f"dry run for {composer.name}, {found.image}")
    print(f"release {want.release} of {want.owner}, names below {where}/; nothing is changed")
    steps = [str(step) for step in plan(want, there, force=options.force)]
    steps.append("ask Airflow for import errors, and until it has parsed the DAGs")
    for number, step in enumerate(steps, 1):
        print(f"{number}. {step}")
    return 1 if _refused(options, want, there) else 0


def _refused(options: argparse.Namespace, want: DesiredState, there: Mapping[str, Object]) -> bool:
    """Whether anything speaks against it that the options do not override, a sentence on stderr
    each; what they do override is said too."""
    objected = [
        *((one, options.uncommitted, "UNCOMMITTED=1") for one in uncommitted(want)),
        *((one, options.force, "FORCE=1") for one in objections(want, there)),
    ]
    for one, overridden, by in objected:
        if overridden:
            print(f"overridden by {by}: {one.what}")
        else:
            print(f"deploy: {one}", file=sys.stderr)
    return not all(overridden for _, overridden, _ in objected)


def _deploy(options: argparse.Namespace, want: DesiredState) -> int:
    composer, credentials = _clients(options)
    found = composer.find()
    bucket = Bucket(found.bucket, options.project, credentials)
    print(
        f"{composer.name}, {found.image}: release {want.release} of {want.owner} to "
        f"gs://{bucket.name}"
    )
    there = bucket.objects()
    if _refused(options, want, there):
        return 1
    steps = plan(want, there, force=options.force)
    apply(steps, want, bucket, partial(time.sleep, options.settle), print)
    changed = len(steps) > 1
    since = datetime.now(UTC) if changed else datetime.min.replace(tzinfo=UTC)
    try:
        told = wait_until_parsed(
            composer, want.switch, want.models, since, lambda: datetime.now(UTC), time.sleep
        )
    except EnvironmentConfigError as error:
        told = f"Airflow was not asked ({error}); look for import errors in its UI"
    print(told)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    for name, (_, what) in _NAMES.items():
        parser.add_argument(f"--{name}", default="", help=what)
    parser.add_argument("--dry-run", action="store_true", help="print the steps, change nothing")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace what others wrote in the same places, drop models that the checkout lacks",
    )
    parser.add_argument(
        "--uncommitted", action="store_true", help="deploy the working tree, not the last commit"
    )
    parser.add_argument(
        "--owner", default="", help="whose it is; by default what the remote origin is called"
    )
    parser.add_argument(
        "--settle", type=float, default=60, help="seconds that Composer has to sync, each time"
    )
    parser.add_argument("--repository", type=Path, default=REPOSITORY, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
