"""Carries a deployment out, one step after the other."""

from collections.abc import Callable

from deploy.bucket import Bucket
from deploy.checkout import DesiredState
from deploy.plan import Compare, Delete, Step, Upload, Wait
from titleholder.errors import ManualActionRequired


def apply(
    steps: list[Step],
    want: DesiredState,
    bucket: Bucket,
    settle: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    """Do the steps; `settle` waits. Raises what Bucket raises, and ManualActionRequired for what
    differs from what was uploaded. Interrupted, a new plan goes on from there."""
    for number, step in enumerate(steps, 1):
        say(f"{number}/{len(steps)} {step}")
        match step:
            case Upload():
                bucket.upload(step, want.release, want.owner)
            case Delete():
                bucket.delete(step)
            case Wait():
                settle()
            case Compare():
                _compare(step, bucket)


def _compare(step: Compare, bucket: Bucket) -> None:
    there, md5s = bucket.objects(), step.md5s
    wrong = [
        f"{name} is {'missing' if name not in there else 'another'}"
        for name, md5 in md5s.items()
        if name not in there or there[name].md5 != md5
    ]
    # The gate of a DAG file does not open for a folder with one file more.
    wrong += [
        f"{name} is not of this release"
        for name in sorted(there.keys() - md5s.keys())
        if name.startswith(step.folder) and not name.endswith("/")
    ]
    if wrong:
        raise ManualActionRequired(
            f"gs://{bucket.name} differs from what was uploaded: {', '.join(wrong)}; see who else "
            "writes to it, then repeat this"
        )
