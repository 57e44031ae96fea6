"""The code in Markdown files is checked, and names only keys that a model's file has."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import code_blocks
from titleholder.config.json_schema import keys

PAGES = {
    "python.md": ("```python\nimport os\nx = 1\n```", "F401"),
    "format.md": ("```python\nx  =  1\n```", "x = 1"),
    "name.md": ("```python\nimport os\n\nprint(os, undefined)\n```", "F821"),
    "yaml.md": ("text\n\n```yaml\na: [1\n```", "yaml.md:4: while parsing"),
    "json.md": ("```json\n{,}\n```", "json.md:2: "),
    "shell.md": ("1. item\n\n    ```sh\n    if true\n    ```", "shell.md:4: "),
}


@pytest.mark.parametrize("name", PAGES)
def test_an_error_names_page_and_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, message = PAGES[name]
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").symlink_to(code_blocks.ROOT / "pyproject.toml")
    (tmp_path / "docs" / name).write_text(text)
    monkeypatch.setattr(code_blocks, "ROOT", tmp_path)
    assert code_blocks.main() == 1
    printed = capsys.readouterr().out
    assert printed.startswith(f"docs/{name}:")
    assert message in printed


def test_a_fragment_may_use_names_of_the_text_around_it(tmp_path: Path) -> None:
    block = code_blocks.CodeBlock(code_blocks.ROOT / "x.md", 1, "python", "print(undefined)\n")
    assert code_blocks.python_errors([block]) == []


def test_yaml_in_the_documentation_has_keys_of_a_model_file() -> None:
    known = {name for name, *_ in keys()} | {"model", "extends"}
    sections = {name.partition(".")[0] for name in known}
    blocks = [
        block
        for page in code_blocks.pages()
        for block in code_blocks.code_blocks(page)
        if block.language == "yaml" and yaml.safe_load(block.text).keys() <= sections
    ]
    assert len(blocks) >= 3
    for block in blocks:
        for path in paths(yaml.safe_load(block.text)):
            # Below some keys the file has names of its own.
            assert any(path == one or path.startswith(f"{one}.") for one in known), (
                f"{block.place}: {path} is no key of a model's file"
            )


def paths(value: Any, above: str = "") -> list[str]:
    """The dotted paths of all values that are no mappings."""
    if not isinstance(value, dict) or not value:
        return [above]
    return [path for key, one in value.items() for path in paths(one, f"{above}.{key}".strip("."))]
