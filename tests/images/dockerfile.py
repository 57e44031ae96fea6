"""The instructions of images/Dockerfile."""

import re
import shlex

from images.reference import FOLDER

DOCKERFILE = FOLDER / "Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """(keyword, arguments) of each instruction, with joined lines and without comments."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (keyword, rest)
        for keyword, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


def commands() -> list[str]:
    """The shell commands of all RUN instructions, in order."""
    runs = [rest for keyword, rest in instructions() if keyword == "RUN"]
    return [command.strip() for run in runs for command in run.split("&&")]


def environment() -> dict[str, str]:
    """The variables of its ENV instructions."""
    words = [
        word for keyword, rest in instructions() if keyword == "ENV" for word in shlex.split(rest)
    ]
    return dict(word.split("=", 1) for word in words)


def the(keyword: str) -> str:
    """The arguments of the only instruction of this kind."""
    [found] = [rest for name, rest in instructions() if name == keyword]
    return found
