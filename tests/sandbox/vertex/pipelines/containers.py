"""Sample pipelines with container components.

kfp reads the type annotations of components at run time, so `from __future__` is not allowed here.
"""

from typing import Optional

from kfp import dsl

from tests.sandbox.vertex.pipelines.samples import component


@dsl.container_component
def write(
    number: int, word: str, note: dsl.Output[dsl.Dataset], size: dsl.OutputPath(int)
) -> dsl.ContainerSpec:
    script = 'mkdir -p $(dirname "$2") && echo "$0 $1" > "$2" && wc -c < "$2" > "$3"'
    return dsl.ContainerSpec(
        image="alpine:3.20",
        command=["sh", "-c", script],
        args=[number, dsl.ConcatPlaceholder([word, "-b"]), note.path, size],
    )


@dsl.container_component
def show(
    name: str,
    note: dsl.Input[dsl.Dataset],
    also: Optional[str] = None,  # noqa: UP045
    never: Optional[str] = None,  # noqa: UP045
):
    return dsl.ContainerSpec(
        image="busybox",
        args=[
            name,
            note.path,
            note.metadata,
            dsl.IfPresentPlaceholder("also", then=["--also", also]),
            dsl.IfPresentPlaceholder("never", then=["--never", never]),
        ],
    )


@component
def read(note: dsl.Input[dsl.Dataset], size: int) -> str:
    with open(note.path) as file:
        return file.read()[:size]


@dsl.container_component
def stop():
    return dsl.ContainerSpec(image="alpine", command=["sh", "-c", "echo no more; exit 7"])


@dsl.container_component
def odd(x: str):
    return dsl.ContainerSpec(image="alpine", command=["echo", f"{x}"[:-2] + ".strange}}"])


@dsl.pipeline(name="with-containers")
def with_containers(number: int):
    written = write(number=number, word="a").set_env_variable("MODE", "test")
    read(note=written.outputs["note"], size=written.outputs["size"])
    show(name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER, note=written.outputs["note"], also="x")


@dsl.pipeline(name="fails-in-a-container")
def fails_in_a_container():
    stop()


@dsl.pipeline(name="strange")
def strange():
    odd(x="x")
