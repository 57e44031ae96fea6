"""Sample pipelines with the features of kfp's language, several in each.

kfp reads the type annotations of components at run time, so `from __future__` is not allowed here.
"""

from typing import List  # noqa: UP035 - kfp accepts it

from kfp import dsl

from tests.sandbox.vertex.pipelines.samples import component, say


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
