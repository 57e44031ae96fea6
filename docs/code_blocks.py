"""`python -m docs.code_blocks`: checks the code in the Markdown files, as `make check` does.

Python is checked and formatted as the project's own, YAML and JSON are parsed, and shell is parsed
by bash. A tutorial's blocks are also executed, by the tests.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

import yaml

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
# Packages that are slow to import are banned at the top of the project's own modules only.
IGNORED = "*:TID253"
# A block without an import is a fragment, whose names are defined in the text around it.
FRAGMENT_IGNORED = "*:TID253,*:F821"


@dataclass(frozen=True)
class CodeBlock:
    """A block of code: its page, the line of its first line there, its language and its text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """The page, from the repository's root, and the line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def main() -> int:
    """Print what is wrong, one line each; 1 if anything is."""
    blocks = [block for page in pages() for block in code_blocks(page)]
    errors = [error for block in blocks for error in syntax_errors(block)]
    errors += python_errors([block for block in blocks if block.language == "python"])
    print("\n".join(errors or [f"docs: {len(blocks)} blocks of code checked"]))
    return int(bool(errors))


def pages() -> list[Path]:
    """The Markdown files at the root and in docs/."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def code_blocks(page: Path) -> Iterator[CodeBlock]:
    """The blocks of a page that name their language."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 2
        yield CodeBlock(page, line, found[2], dedent(found[3]))


def syntax_errors(block: CodeBlock) -> Iterator[str]:
    """What a parser of YAML, JSON or shell says about the block."""
    try:
        if block.language == "yaml":
            yaml.safe_load(block.text)
        elif block.language == "json":
            json.loads(block.text)
    except (yaml.YAMLError, ValueError) as error:
        yield f"{block.place}: {' '.join(str(error).split())}"
    if block.language == "sh":
        parsed = _run("bash", "-n", text=block.text)
        if parsed.returncode:
            yield f"{block.place}: {' '.join(parsed.stderr.split())}"


def python_errors(blocks: list[CodeBlock]) -> list[str]:
    """What ruff says about the blocks, under the project's rules."""
    errors = []
    with tempfile.TemporaryDirectory() as folder:
        for block in blocks:
            file = Path(folder, re.sub(r"\W", "_", block.place) + ".py")
            file.write_text(block.text, encoding="utf-8")
            whole = re.search("^(from|import) ", block.text, re.MULTILINE)
            ignored = ("--extend-per-file-ignores", IGNORED if whole else FRAGMENT_IGNORED)
            for command in (("check", *ignored), ("format", "--diff")):
                settings = ("--quiet", "--config", "pyproject.toml")
                done = _run("ruff", *command, *settings, str(file))
                if done.returncode:
                    found = (done.stdout + done.stderr).replace(str(file), "block")
                    errors.append(f"{block.place}:\n{indent(found.strip(), '  ')}")
    return errors


def _run(*command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    program, *arguments = command
    # ruff is that of this environment, whether or not it is on the path.
    beside = Path(sys.executable).with_name(program)
    program = str(beside) if beside.exists() else program
    return subprocess.run(
        [program, *arguments], cwd=ROOT, input=text, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
