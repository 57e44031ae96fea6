"""The steps of a deployment, applied to a bucket in memory."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.checkout import DesiredState, desired_state
from deploy.plan import Compare, Delete, Object, Step, Upload, Wait, grouped, md5_of, plan

START = datetime(2026, 11, 23, tzinfo=UTC)


class FakeBucket:
    """A bucket to which deployments and other processes write."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.objects: dict[str, Object] = {}
        self.clock = START

    def write(
        self,
        name: str,
        content: bytes,
        release: str = "",
        owner: str = "",
        with_digest: bool = True,
    ) -> None:
        self.clock += timedelta(seconds=1)
        self.contents[name] = content
        md5 = md5_of(content)
        generation = int(self.clock.timestamp())
        self.objects[name] = Object(
            md5, generation, self.clock, md5 if with_digest else "", release, owner
        )

    def apply(self, steps: list[Step], desired: DesiredState) -> None:
        for step in steps:
            match step:
                case Upload(name, content, generation):
                    existing = self.objects.get(name)
                    assert generation == (existing.generation if existing else 0)
                    self.write(name, content, desired.release, desired.owner)
                case Delete(name, generation):
                    assert self.objects.pop(name).generation == generation
                    del self.contents[name]
                case Compare(md5s, _):
                    assert md5s.items() <= {n: o.md5 for n, o in self.objects.items()}.items()

    def has_release(self, desired: DesiredState) -> bool:
        return all(
            self.contents.get(name) == content for name, content in desired.release_objects.items()
        )


def change(checkout: Path, text: str) -> DesiredState:
    path = checkout / "plugins/titleholder/config/model.py"
    path.write_text(path.read_text() + f"# {text}\n")
    return desired_state(checkout)


def test_after_any_interruption_every_dag_file_has_its_release(checkout: Path) -> None:
    previous, new = desired_state(checkout), change(checkout, "new")
    steps = plan(previous, {})
    for stop in range(len(steps) + 1):
        bucket = FakeBucket()
        bucket.apply(steps[:stop], previous)
        next_steps = plan(new, bucket.objects)
        for next_stop in range(len(next_steps) + 1):
            bucket = FakeBucket()
            bucket.apply(steps[:stop], previous)
            bucket.apply(next_steps[:next_stop], new)
            for name in previous.entry_objects:
                is_previous = bucket.contents.get(name) == previous.entry_objects[name]
                is_new = bucket.contents.get(name) == new.entry_objects[name]
                assert not is_previous or bucket.has_release(previous)
                assert not is_new or bucket.has_release(new)
            bucket.apply(plan(new, bucket.objects), new)
            assert bucket.contents == bucket.contents | new.objects
            md5s = {name: md5_of(content) for name, content in new.objects.items()}
            assert plan(new, bucket.objects) == [
                Compare(md5s, f"plugins/titleholder-{new.release}/")
            ]


def test_a_deployment_waits_before_and_after_the_dag_files(checkout: Path) -> None:
    kinds = [
        type(step) for step in plan(desired_state(checkout), {}) if not isinstance(step, Upload)
    ]
    assert kinds == [Compare, Wait, Compare, Wait]


def test_going_back_uploads_only_the_dag_files(checkout: Path) -> None:
    previous = desired_state(checkout)
    bucket = FakeBucket()
    bucket.apply(plan(previous, {}), previous)
    new = change(checkout, "new")
    bucket.apply(plan(new, bucket.objects), new)
    steps = plan(previous, bucket.objects)
    assert [str(step) for step in steps if isinstance(step, Upload)] == [
        "upload dags/broken_models.py (replaces another)",
        "upload dags/titleholder_dags.py (replaces another)",
    ]


def test_a_replaced_object_has_a_line_of_its_own_in_a_release() -> None:
    folder = "plugins/titleholder-0123456789ab/"
    steps = [Upload(f"{folder}{name}", b"", 7 if name == "c" else 0) for name in "abcde"]
    assert grouped([*steps, Upload(f"{folder[:-2]}c/a", b"")]) == [
        f"upload {folder} (2 objects; VERBOSE=1 names them)",
        f"upload {folder}c (replaces another)",
        f"upload {folder} (2 objects; VERBOSE=1 names them)",
        f"upload {folder[:-2]}c/a",
    ]


def test_the_release_of_the_dag_files_is_kept_until_the_next_deployment(checkout: Path) -> None:
    bucket, states = FakeBucket(), [change(checkout, str(number)) for number in range(4)]
    for desired in (*states, states[1]):
        bucket.apply(plan(desired, bucket.objects), desired)
    assert not bucket.has_release(states[0])
    assert bucket.has_release(states[1]), "deployed again"
    last = change(checkout, "last")
    bucket.apply(plan(last, bucket.objects), last)
    assert bucket.has_release(states[1]), "tasks may still use it"
    assert [bucket.has_release(desired) for desired in states[2:]] == [True, True]


@pytest.mark.parametrize(
    ("with_digest", "owner", "is_deleted"),
    [(True, "", True), (True, "other", False), (False, "", False)],
)
def test_only_objects_of_the_owner_are_deleted(
    checkout: Path, with_digest: bool, owner: str, is_deleted: bool
) -> None:
    bucket, desired = FakeBucket(), desired_state(checkout)
    for name in ("dags/removed.py", "plugins/titleholder-000000000000/x.py"):
        bucket.write(name, b"x", owner=owner or desired.owner, with_digest=with_digest)
    deleted = [str(step) for step in plan(desired, bucket.objects) if isinstance(step, Delete)]
    # Two releases are kept besides the one in use.
    assert deleted == (["delete dags/removed.py"] if is_deleted else [])


def test_releases_of_other_owners_do_not_count(checkout: Path) -> None:
    bucket, desired = FakeBucket(), desired_state(checkout)
    for number in range(3):
        owner = "other" if number else desired.owner
        bucket.write(f"plugins/titleholder-{number:012}/x.py", b"x", owner=owner)
    assert not [step for step in plan(desired, bucket.objects) if isinstance(step, Delete)]
