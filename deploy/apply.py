"""Applies the steps of a deployment."""

from collections.abc import Callable

from deploy.bucket import Bucket
from deploy.checkout import DesiredState
from deploy.plan import Compare, Delete, Step, Upload, Wait
from titleholder.errors import ManualActionRequired


def apply(
    steps: list[Step],
    desired: DesiredState,
    bucket: Bucket,
    settle: Callable[[], None],
    report: Callable[[str], None],
) -> None:
    """Apply the steps in order; `settle` waits for a sync. After an interruption a new plan
    continues from there.

    Raises the errors of Bucket, and ManualActionRequired when the bucket differs from the upload.
    """
    for number, step in enumerate(steps, 1):
        report(f"{number}/{len(steps)} {step}")
        match step:
            case Upload():
                bucket.upload(step, desired.release, desired.owner)
            case Delete():
                bucket.delete(step)
            case Wait():
                settle()
            case Compare():
                _compare(step, bucket)


def _compare(step: Compare, bucket: Bucket) -> None:
    existing, md5s = bucket.objects(), step.md5s
    differences = [
        f"{name} is {'missing' if name not in existing else 'different'}"
        for name, md5 in md5s.items()
        if name not in existing or existing[name].md5 != md5
    ]
    # The guard of a DAG file rejects a folder with an additional file.
    differences += [
        f"{name} is not part of this release"
        for name in sorted(existing.keys() - md5s.keys())
        if name.startswith(step.folder) and not name.endswith("/")
    ]
    if differences:
        raise ManualActionRequired(
            f"gs://{bucket.name} differs from the upload: {', '.join(differences)}; find out what "
            "else writes to it, then repeat this"
        )
