"""Sample pipelines with the features of kfp's language, several in each.

kfp reads the type annotations of components at run time, so `from __future__` is not allowed here.
"""

from typing import List  # noqa: UP035 - kfp accepts it

from kfp import dsl

from tests.sandbox.vertex.pipelines.samples import component, count_to, fail, inner, read_model, say


@component
def rows_of_words() -> list:
    return [{"word": "a", "n": 1}, {"word": "b", "n": 2}]


@component
def keep(text: str, note: dsl.Output[dsl.Dataset]):
    with open(note.path, "w") as file:
        file.write(text)


@component
def read_in_order(notes: dsl.Input[List[dsl.Dataset]]) -> list:  # noqa: UP006
    found = []
    for note in notes:
        with open(note.path) as file:
            found.append(file.read())
    return found


@dsl.pipeline(name="loops-over-structs")
def loops_over_structs(rows: list):
    with dsl.ParallelFor(rows_of_words().output) as row:
        say(text=row).set_display_name("row")
    with dsl.ParallelFor(rows) as row, dsl.ParallelFor(row.words) as word:
        kept = keep(text=word)
    read_in_order(notes=dsl.Collected(kept.outputs["note"]))


@component
def default_of(text: str = "its own") -> str:
    return text


@component
def facts(
    job: str, resource: str, uid: str, task: str, task_id: str, root: str, times: str
) -> list:
    """What the placeholders became, and an environment variable."""
    import os

    return [job, resource, uid, task, task_id, root, times, os.environ["GREETING"]]


@dsl.pipeline(name="everything")
def everything(uri: str, folder: str, word: str = "b"):
    imported = dsl.importer(
        artifact_uri=uri, artifact_class=dsl.Model, metadata={"word": f"the word {word}"}
    )
    read_model(model=imported.output)
    count_to(folder=folder, enough=2).set_retry(1, backoff_duration="0s")
    filled = facts(
        job=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        resource=dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
        uid=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        task=f"task {dsl.PIPELINE_TASK_NAME_PLACEHOLDER} of {word}",
        task_id=dsl.PIPELINE_TASK_ID_PLACEHOLDER,
        root=dsl.PIPELINE_ROOT_PLACEHOLDER,
        times=f"{dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER}"
        f" {dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER}",
    )
    filled.set_env_variable("GREETING", "hello").set_caching_options(False)
    with dsl.If(word == "a"):
        first = say(text="if")
    with dsl.Elif(word == "b"):
        second = inner(text="elif")
    with dsl.Else():
        third = say(text="else")
    say(text=dsl.OneOf(first.output, second.output, third.output)).set_display_name("chosen")


@dsl.pipeline(name="fails-and-goes-on")
def fails_and_goes_on():
    default_of(text=fail(text="it").output).ignore_upstream_failure()
