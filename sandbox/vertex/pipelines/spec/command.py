"""Parses the compiled command of a lightweight Python component."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

_TAKES_A_VALUE = ("--index-url", "--extra-index-url", "--trusted-host", "--find-links", "-i", "-f")


@dataclass(frozen=True)
class Lightweight:
    """The source and function of a component, and the packages that it needs."""

    source: str
    function: str
    requirements: tuple[str, ...]
    pip_options: tuple[str, ...]


class NotLightweight(ValueError):
    """The command is not that of a lightweight component."""


def read(command: Sequence[str], args: Sequence[str]) -> Lightweight:
    """Parse the command of a container (written by kfp/dsl/component_factory.py).

    It is `sh -c SCRIPT`, which installs packages and is absent without any, and then
    `sh -ec SCRIPT SOURCE`, which runs kfp.dsl.executor_main. Raises NotLightweight otherwise.
    """
    rest = list(command)
    script = ""
    if rest[:2] == ["sh", "-c"] and len(rest) > 2:
        script, rest = rest[2], rest[3:]
    if (
        len(rest) != 4
        or rest[:2] != ["sh", "-ec"]
        or "executor_main" not in rest[2]
        or "ephemeral_component.py" not in rest[2]
        or (script and "pip install" not in script)
    ):
        raise NotLightweight("its command is not that of a lightweight Python component")
    if list(args[:3]) != ["--executor_input", "{{$}}", "--function_to_execute"] or len(args) != 4:
        raise NotLightweight("its arguments are not those of a lightweight Python component")
    requirements, options = _installs(script)
    return Lightweight(rest[3], args[3], tuple(requirements), tuple(options))


def _installs(script: str) -> tuple[list[str], list[str]]:
    requirements: list[str] = []
    options: dict[tuple[str, ...], None] = {}  # each once, in order, with its value
    words = iter(shlex.split(script))
    inside = False
    before = ""
    for word in words:
        if before == "pip" and word == "install":
            inside = True
        elif word in ("&&", "||", ";"):
            inside = False
        elif inside and word in _TAKES_A_VALUE:
            options[word, next(words, "")] = None
        elif inside and word.startswith("--") and "=" in word.split(" ")[0]:
            options[word,] = None
        elif inside and not word.startswith("-") and word not in requirements:
            requirements.append(word)
        before = word
    return requirements, [word for option in options for word in option]
