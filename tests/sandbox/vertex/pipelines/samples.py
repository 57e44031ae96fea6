"""Sample pipelines, compiled by kfp.

kfp reads the type annotations of components at run time, so `from __future__` is not allowed here.
"""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler, dsl

component = dsl.component(base_image="python:3.11")


@component
def train(rate: float, steps: int, model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics]):
    with open(model.path, "w") as file:
        file.write(f"rate={rate} steps={steps!r}")
    with open(model.path + ".note", "w") as file:
        file.write("beside it")
    model.metadata["framework"] = "none"
    metrics.log_metric("score", 61.5)


@component
def gate(metrics: dsl.Input[dsl.Metrics], minimum: float) -> bool:
    return metrics.metadata["score"] >= minimum


@component
def export_model(model: dsl.Input[dsl.Model], exported: dsl.Output[dsl.Model]) -> str:
    exported.uri = model.uri
    exported.metadata["score"] = 61.5
    with open(model.path) as file, open(model.path + ".note") as note:
        return file.read() + ", " + note.read()


@component
def say(text: str) -> str:
    print("saying", text)
    return text


@component
def fail(text: str) -> str:
    raise ValueError(f"no rows in {text}")


@component
def stop(code: int):
    import sys

    print("going")
    sys.exit(code)


@component
def stop_silently():
    raise SystemExit(1)


@component
def sleep(pid_file: str, seconds: float = 60.0):
    import os
    import time

    with open(pid_file + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(pid_file + ".part", pid_file)
    time.sleep(seconds)


@component
def ignore_sigterm(pid_file: str):
    import os
    import signal
    import time

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(pid_file + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(pid_file + ".part", pid_file)
    time.sleep(60)


@component
def show(whole: int, half: float, text: str, flag: bool, many: list, deep: dict) -> str:
    return repr([whole, half, text, flag, many, deep])


@component
def count_to(folder: str, enough: int) -> int:
    import os

    tries = len(os.listdir(folder)) + 1
    open(os.path.join(folder, str(tries)), "w").close()
    if tries < enough:
        raise RuntimeError(f"try {tries} of {enough}")
    return tries


@component
def not_a_number(metrics: dsl.Output[dsl.Metrics]):
    metrics.log_metric("score", float("nan"))


@component
def broken_unicode(metrics: dsl.Output[dsl.Metrics]):
    metrics.metadata["text"] = "\ud800"


@component
def too_large() -> dict:
    return {"number": 10**400}


@component
def report_status(status: dsl.PipelineTaskFinalStatus) -> str:
    return f"{status.state} {status.pipeline_task_name} {status.error_message}"


@component
def join(texts: list) -> str:
    return "+".join(texts)


@component
def environment_facts() -> str:
    import importlib.util
    import os
    import sys

    own = importlib.util.find_spec("titleholder")
    return repr([os.path.basename(os.getcwd()), "sandbox" in sys.modules, own, sys.path[0]])


@component
def read_model(model: dsl.Input[dsl.Model]) -> str:
    with open(model.path) as file:
        return model.uri + " " + file.read()


@dsl.component(base_image="python:3.11", packages_to_install=["packaging>=20", "pytest"])
def installed_packages() -> str:
    return "installed"


@dsl.component(base_image="python:3.11", packages_to_install=["titleholder-nowhere==9"])
def missing_package() -> str:
    return ""


@dsl.container_component
def container():
    return dsl.ContainerSpec(image="alpine", command=["echo"], args=["hello"])


@dsl.pipeline(name="weekly")
def weekly(minimum: float = 50.0, rate: float = 0.5, steps: int = 3):
    trained = train(rate=rate, steps=steps)
    passed = gate(metrics=trained.outputs["metrics"], minimum=minimum)
    with dsl.If(passed.output == True, name="good-enough"):  # noqa: E712
        export_model(model=trained.outputs["model"])


@dsl.pipeline(name="types")
def types(
    whole: int,
    half: float,
    text: str,
    flag: bool,
    many: list,
    deep: dict,
    optional: str = "given",
):
    show(whole=whole, half=half, text=text, flag=flag, many=many, deep=deep)
    say(text=f"{optional} {whole}")


@dsl.pipeline(name="broken")
def broken(table: str = "visits"):
    bad = fail(text=table)
    say(text=bad.output).set_display_name("after the failure")
    say(text="on its own")


@dsl.pipeline(name="two-ways")
def two_ways():
    fail(text="one way")
    first = stop(code=0)
    say(text="the other").after(first)


@dsl.pipeline(name="exits")
def exits(code: int):
    stop(code=code)


@dsl.pipeline(name="exits-silently")
def exits_silently():
    stop_silently()


@dsl.pipeline
def inner(text: str, greeting: str = "hello") -> str:
    return say(text=f"{greeting} {text}").output


@dsl.pipeline(name="outer")
def outer(text: str = "you") -> str:
    first = inner(text=text)
    return say(text=f"{first.output}!").output


@dsl.pipeline(name="branches")
def branches(number: int = 3, word: str = "a") -> str:
    with dsl.If(number > 5):
        high = say(text="high")
    with dsl.Elif(word == "b"):
        b = say(text="b")
    with dsl.Else():
        rest = say(text="rest")
    return say(text=dsl.OneOf(high.output, b.output, rest.output)).output


@dsl.pipeline(name="sleeper")
def sleeper(pid_file: str, seconds: float = 60.0):
    sleep(pid_file=pid_file, seconds=seconds)


@dsl.pipeline(name="ignore_sigterm")
def ignores_sigterm(pid_file: str):
    ignore_sigterm(pid_file=pid_file)


@dsl.pipeline(name="retried")
def retried(folder: str, enough: int):
    count_to(folder=folder, enough=enough).set_retry(2, backoff_duration="0s")


@dsl.pipeline(name="nan")
def nan():
    not_a_number()


@dsl.pipeline(name="surrogate")
def surrogate():
    broken_unicode()


@dsl.pipeline(name="huge")
def huge():
    too_large()


@dsl.pipeline(name="handled")
def handled():
    with dsl.ExitHandler(report_status(), name="guarded"):
        fail(text="it")


@dsl.pipeline(name="loop")
def loop(words: list = ["x", "y"]) -> str:  # noqa: B006
    with dsl.ParallelFor(words) as word:
        spoken = say(text=word)
    return join(texts=dsl.Collected(spoken.output)).output


@dsl.pipeline(name="imported")
def imported(uri: str):
    found = dsl.importer(artifact_uri=uri, artifact_class=dsl.Model, metadata={"from": "afar"})
    read_model(model=found.output)


@dsl.pipeline(name="shows_environment")
def shows_environment():
    environment_facts()


@dsl.pipeline(name="needs-installed-packages")
def needs_installed_packages():
    installed_packages()


def needs_a_wheel(index: str) -> Any:
    """A pipeline whose component installs a package from the index of that URL."""

    @dsl.component(
        base_image="python:3.11",
        packages_to_install=["titleholder-example==1.2"],
        pip_index_urls=[index],
    )
    def from_a_wheel() -> str:
        import packaging
        import titleholder_example

        return f"{titleholder_example.HELLO} {bool(packaging)}"

    @dsl.pipeline(name="needs-a-wheel")
    def pipeline():
        from_a_wheel()

    return pipeline


@dsl.pipeline(name="needs-a-missing-package")
def needs_a_missing_package():
    missing_package()


@dsl.pipeline(name="contained")
def contained():
    container()


@cache
def compiled(pipeline: Any) -> str:
    """The compiled pipeline as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(path))
        return json.dumps(yaml.safe_load(path.read_text()))
