"""The steps of a deployment, on a bucket that is a dictionary."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.checkout import DesiredState, desired_state
from deploy.plan import Compare, Delete, Object, Step, Upload, Wait, md5_of, plan

START = datetime(2026, 11, 23, tzinfo=UTC)


class Model:
    """A bucket, with what a deployment or somebody else writes to it."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.objects: dict[str, Object] = {}
        self.clock = START

    def write(
        self, name: str, content: bytes, release: str = "", owner: str = "", mark: bool = True
    ) -> None:
        self.clock += timedelta(seconds=1)
        self.contents[name] = content
        md5 = md5_of(content)
        generation = int(self.clock.timestamp())
        self.objects[name] = Object(
            md5, generation, self.clock, md5 if mark else "", release, owner
        )

    def carry_out(self, steps: list[Step], want: DesiredState) -> None:
        for step in steps:
            match step:
                case Upload(name, content, generation):
                    there = self.objects.get(name)
                    assert generation == (there.generation if there else 0)
                    self.write(name, content, want.release, want.owner)
                case Delete(name, generation):
                    assert self.objects.pop(name).generation == generation
                    del self.contents[name]
                case Compare(md5s, _):
                    assert md5s.items() <= {n: o.md5 for n, o in self.objects.items()}.items()

    def whole(self, want: DesiredState) -> bool:
        return all(self.contents.get(name) == content for name, content in want.ready.items())


def change(checkout: Path, text: str) -> DesiredState:
    path = checkout / "plugins/titleholder/config/model.py"
    path.write_text(path.read_text() + f"# {text}\n")
    return desired_state(checkout)


def test_wherever_it_stops_every_dag_file_has_its_release(checkout: Path) -> None:
    old, new = desired_state(checkout), change(checkout, "new")
    first = Model()
    steps = plan(old, first.objects)
    for stop in range(len(steps) + 1):
        bucket = Model()
        bucket.carry_out(steps[:stop], old)
        second = plan(new, bucket.objects)
        for again in range(len(second) + 1):
            now = Model()
            now.carry_out(steps[:stop], old)
            now.carry_out(second[:again], new)
            for name in old.switch:
                is_old = now.contents.get(name) == old.switch[name]
                is_new = now.contents.get(name) == new.switch[name]
                assert not is_old or now.whole(old)
                assert not is_new or now.whole(new)
            now.carry_out(plan(new, now.objects), new)
            assert now.contents == now.contents | new.objects
            md5s = {name: md5_of(content) for name, content in new.objects.items()}
            assert plan(new, now.objects) == [Compare(md5s, f"plugins/titleholder-{new.release}/")]


def test_it_waits_before_and_after_the_dag_files(checkout: Path) -> None:
    kinds = [
        type(step) for step in plan(desired_state(checkout), {}) if not isinstance(step, Upload)
    ]
    assert kinds == [Compare, Wait, Compare, Wait]


def test_going_back_waits_for_nothing_that_is_there(checkout: Path) -> None:
    old = desired_state(checkout)
    bucket = Model()
    bucket.carry_out(plan(old, {}), old)
    new = change(checkout, "new")
    bucket.carry_out(plan(new, bucket.objects), new)
    back = plan(old, bucket.objects)
    assert [str(step) for step in back if isinstance(step, Upload)] == [
        "upload dags/broken_models.py (replaces another)",
        "upload dags/titleholder_dags.py (replaces another)",
    ]


def test_the_release_of_the_dag_files_stays_until_the_next_deployment(checkout: Path) -> None:
    bucket, wants = Model(), [change(checkout, str(number)) for number in range(4)]
    for want in (*wants, wants[1]):
        bucket.carry_out(plan(want, bucket.objects), want)
    assert not bucket.whole(wants[0])
    assert bucket.whole(wants[1]), "it came back"
    last = change(checkout, "last")
    bucket.carry_out(plan(last, bucket.objects), last)
    assert bucket.whole(wants[1]), "somebody may still run it"
    assert [bucket.whole(want) for want in wants[2:]] == [True, True]


@pytest.mark.parametrize(
    ("mark", "owner", "gone"), [(True, "", True), (True, "another", False), (False, "", False)]
)
def test_only_the_owners_own_is_deleted(checkout: Path, mark: bool, owner: str, gone: bool) -> None:
    bucket, want = Model(), desired_state(checkout)
    for name in ("dags/gone.py", "plugins/titleholder-000000000000/x.py"):
        bucket.write(name, b"x", owner=owner or want.owner, mark=mark)
    deleted = [str(step) for step in plan(want, bucket.objects) if isinstance(step, Delete)]
    # Of the releases two stay beside the one in use.
    assert deleted == (["delete dags/gone.py"] if gone else [])


def test_releases_of_others_push_none_of_the_owner_out(checkout: Path) -> None:
    bucket, want = Model(), desired_state(checkout)
    for number in range(3):
        owner = "another" if number else want.owner
        bucket.write(f"plugins/titleholder-{number:012}/x.py", b"x", owner=owner)
    assert not [step for step in plan(want, bucket.objects) if isinstance(step, Delete)]
