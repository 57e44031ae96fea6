import hashlib
import re

import pytest

from titleholder.errors import PipelineError
from titleholder.labels import digest_from_label, digest_to_label, is_digest


@pytest.mark.parametrize("content", [b"", b"a model", *(bytes([n]) for n in range(0, 256, 15))])
def test_a_digest_as_a_label_and_back(content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    assert re.fullmatch(r"[a-z0-9_-]{1,63}", digest_to_label(digest)), (
        "Google's rule for label values"
    )
    assert digest_from_label(digest_to_label(digest)) == digest


@pytest.mark.parametrize("digest", ["00" * 32, "ff" * 32])
def test_the_smallest_and_the_greatest_digest(digest: str) -> None:
    assert digest_from_label(digest_to_label(digest)) == digest


def test_every_label_encodes_one_digest() -> None:
    label = digest_to_label("ff" * 32)
    assert label[-1] == "q"
    assert digest_from_label(f"{label[:-1]}r") == ""


@pytest.mark.parametrize("value", ["", "x", "A" * 52, "a" * 51, "a" * 53, "1" * 52, "a" * 51 + "="])
def test_a_label_that_encodes_no_digest(value: str) -> None:
    assert digest_from_label(value) == ""


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "AB" * 32, "0" * 63, "0" * 65])
def test_a_text_that_is_no_digest(text: str) -> None:
    assert not is_digest(text)
    with pytest.raises(PipelineError, match="is no SHA-256; give 64 lower-case hexadecimal digits"):
        digest_to_label(text)
