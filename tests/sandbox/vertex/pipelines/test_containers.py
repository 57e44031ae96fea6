"""Container components, with a program in place of Docker that runs the command on this machine."""

import json
import os
import sys
from pathlib import Path

import pytest
from google.api_core import exceptions

from tests.sandbox.vertex.pipelines import containers, samples
from tests.sandbox.vertex.pipelines.conftest import BUCKET, Bench, Server, output, task

_DOCKER = """#!{python}
import json, os, sys
if sys.argv[1] == "info":
    sys.exit(0)
at = next(n for n, word in enumerate(sys.argv) if n > 1 and not word.startswith("--"))
options, image, words = sys.argv[2:at], sys.argv[at], sys.argv[at + 1 :]
given = dict(word.removeprefix("--").split("=", 1) for word in options if "=" in word)
with open({record!r}, "a") as file:
    file.write(json.dumps([image, options, words]) + "\\n")
folder = given["volume"].split(":")[0]
words = [given["entrypoint"], *words] if "entrypoint" in given else ["echo", *words]
os.execvp(words[0], [word.replace("/gcs/", folder + "/") for word in words])
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the arguments of each container that was started: image, options, words."""
    record = tmp_path / "started"
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(_DOCKER.format(python=sys.executable, record=str(record)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return record


def test_container_components(server: Server, bench: Bench, docker: Path) -> None:
    job = server.run(bench.request(containers.with_containers, "in-containers", number=3))
    written = task(job, "write")
    assert written.execution.metadata["output:size"] == 6
    assert output(job, "read") == "3 a-b\n"
    assert written.outputs["note"].artifacts[0].uri.startswith(f"gs://{BUCKET}/root/")

    lines = [json.loads(line) for line in docker.read_text().splitlines()]
    started = {image: (options, words) for image, options, words in lines}
    options, words = started["alpine:3.20"]
    expected = {"--rm", "--init", "--network=host", "--entrypoint=sh", "--env=MODE=test"}
    assert expected <= set(options)
    folder = f"/gcs/{BUCKET}/root/123456789/in-containers/write_{written.task_id}"
    assert words[2:] == ["3", "a-b", f"{folder}/note", f"{folder}/size"]
    # Without a command the image's entry point runs; an input that is not given has no words.
    options, words = started["busybox"]
    assert not [option for option in options if option.startswith("--entrypoint")]
    assert words == ["in-containers", f"{folder}/note", "{}", "--also", "x"]


def test_a_container_that_fails(server: Server, bench: Bench, docker: Path) -> None:
    created = server.client.create_pipeline_job(bench.request(containers.fails_in_a_container))
    job = server.wait(created)
    assert task(job, "stop").error.message.startswith(
        "The replica workerpool0-0 exited with a non-zero status of 7. no more. To"
    )


def test_without_an_engine_containers_are_refused(
    server: Server, bench: Bench, docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        exceptions.BadRequest, match=r"uses \{\{\$.inputs.parameters\['x'\].strange"
    ):
        server.client.create_pipeline_job(bench.request(containers.strange))
    monkeypatch.setenv("PATH", str(docker.parent))
    message = (
        "task 'container' is a container component of image 'alpine' .*, and neither Docker nor "
        "Podman responds here"
    )
    with pytest.raises(exceptions.BadRequest, match=message):
        server.client.create_pipeline_job(bench.request(samples.contained))
