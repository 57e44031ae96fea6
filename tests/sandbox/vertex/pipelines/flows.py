"""Sample pipelines with caching, passed artifacts and nested loops.

kfp reads the type annotations of components at run time, so `from __future__` is not allowed here.
"""

from typing import List, Optional  # noqa: UP035 - kfp accepts these

from kfp import dsl

from tests.sandbox.vertex.pipelines.samples import (
    component,
    count_to,
    report_status,
    say,
    sleep,
    stop,
)


@component
def write(text: str, folder: str, note: dsl.Output[dsl.Dataset]) -> str:
    import os
    import tempfile

    os.close(tempfile.mkstemp(dir=folder)[0])  # shows that it ran
    with open(note.path, "w") as file:
        file.write(text)
    note.metadata["length"] = len(text)
    return text.upper()


@component
def read(note: dsl.Input[dsl.Dataset], folder: str) -> str:
    import os
    import tempfile

    os.close(tempfile.mkstemp(dir=folder)[0])
    with open(note.path) as file:
        return file.read()


@component
def read_all(notes: dsl.Input[List[dsl.Dataset]]) -> str:  # noqa: UP006
    found = []
    for note in notes or []:  # kfp passes None for an empty list
        with open(note.path) as file:
            found.append(file.read())
    return "+".join(found)


@component
def both(word: str, number: str) -> str:
    return word + number


@component
def count(texts: list) -> str:
    return repr(texts)


@component
def describe(
    text: Optional[str] = None,  # noqa: UP045
    number: int = 7,
    deep: dict = {"a": [1, {"b": [""]}]},  # noqa: B006
) -> str:
    return repr([text, number, deep])


@component
def wait_for_others(folder: str, name: str, minimum: int) -> str:
    """Waits until `minimum` instances are running, which shows that they run at the same time."""
    import os
    import time

    open(os.path.join(folder, name), "w").close()
    for _ in range(400):
        if len(os.listdir(folder)) >= minimum:
            return name
        time.sleep(0.05)
    raise RuntimeError(f"{name} is alone")


@component
def overlap(folder: str, name: str) -> int:
    """The number of instances that were running at the same time."""
    import os
    import time

    own = os.path.join(folder, name)
    open(own, "w").close()
    time.sleep(0.3)
    found = len(os.listdir(folder))
    os.remove(own)
    return found


@dsl.pipeline(name="two-steps")
def two_steps(folder: str, text: str = "hello"):
    written = write(text=text, folder=folder)
    read(note=written.outputs["note"], folder=folder)


@dsl.pipeline(name="two-steps-too")
def two_steps_too(folder: str, text: str = "hello"):
    write(text=text, folder=folder)


@dsl.pipeline(name="two-steps")
def half_cached(folder: str, text: str = "hello"):
    written = write(text=text, folder=folder)
    read(note=written.outputs["note"], folder=folder).set_caching_options(False)


@dsl.pipeline(name="imports")
def imports(uri: str, folder: str):
    found = dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, metadata={"from": "afar"})
    read(note=found.output, folder=folder)


@dsl.pipeline(name="imports-again")
def imports_again(uri: str):
    dsl.importer(artifact_uri=uri, artifact_class=dsl.Dataset, reimport=True)


@dsl.pipeline(name="with_input_artifact")
def with_input_artifact(note: dsl.Input[dsl.Dataset], folder: str) -> str:
    return read(note=note, folder=folder).output


@dsl.pipeline
def writer(text: str, folder: str) -> dsl.Dataset:
    return write(text=text, folder=folder).outputs["note"]


@dsl.pipeline
def writers(words: list, folder: str) -> List[dsl.Dataset]:  # noqa: UP006
    with dsl.ParallelFor(words) as word:
        written = writer(text=word, folder=folder)
    return dsl.Collected(written.output)


@dsl.pipeline(name="collects-artifacts")
def collects_artifacts(folder: str, words: list) -> str:
    many = writers(words=words, folder=folder)
    with dsl.ParallelFor(many.output) as note:
        read(note=note, folder=folder)
    return read_all(notes=many.output).output


@dsl.pipeline(name="nested-loops")
def nested_loops(rows: List[List[int]] = [[1, 2], [3], []]) -> str:  # noqa: B006, UP006
    with dsl.ParallelFor(rows) as row, dsl.ParallelFor(row) as number, dsl.If(number != 2):
        say(text=f"number {number}")
    return count(texts=rows).output


@dsl.pipeline(name="loop-of-structs")
def loop_of_structs(folder: str) -> str:
    with dsl.ParallelFor([{"word": "a", "n": 1}, {"word": "b", "n": 2}]) as item:
        joined = both(word=item.word, number=item.n)
    return count(texts=dsl.Collected(joined.output)).output


@dsl.pipeline(name="together")
def together(folder: str, minimum: int):
    with dsl.ParallelFor(["a", "b"]) as name:
        wait_for_others(folder=folder, name=name, minimum=minimum)


@dsl.pipeline(name="one-by-one")
def one_by_one(folder: str):
    with dsl.ParallelFor(["a", "b", "c"], parallelism=1) as name:
        overlap(folder=folder, name=name)


@dsl.pipeline(name="defaults")
def defaults(
    text: Optional[str] = None,  # noqa: UP045
    number: int = 5,
    deep: dict = {"x": [[1.5, True], {"y": "z"}]},  # noqa: B006
):
    describe(text=text, number=number, deep=deep)
    describe().set_display_name("by itself")


@dsl.pipeline(name="guarded-sleep")
def guarded_sleep(pid_file: str):
    with dsl.ExitHandler(report_status(), name="guarded"):
        sleep(pid_file=pid_file)
        say(text="never").after(sleep(pid_file=f"{pid_file}.2"))


@dsl.pipeline(name="stops-in-a-loop")
def stops_in_a_loop():
    with dsl.ParallelFor([1, 0], parallelism=1) as code:
        stop(code=code)


@dsl.pipeline(name="retried-slowly")
def retried_slowly(folder: str):
    count_to(folder=folder, enough=9).set_retry(1, backoff_duration="3600s")


@dsl.pipeline(name="crowd")
def crowd(folder: str, job: str):
    for number in range(3):
        overlap(folder=folder, name=f"{job}-{number}").set_display_name(f"member {number}")


@dsl.pipeline(name="two-sleepers")
def two_sleepers(pid_file: str):
    sleep(pid_file=pid_file)
    sleep(pid_file=f"{pid_file}.2")
