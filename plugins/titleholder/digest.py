"""A SHA-256 as the value of a label, which holds 63 characters and not its 64 of hexadecimal."""

import base64
import re

from titleholder.errors import PipelineError


def is_digest(text: str) -> bool:
    """Whether it is a SHA-256 as we write it: 64 lower-case hexadecimal digits."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def digest_to_label(digest: str) -> str:
    """52 of `[a-z2-7]`: base32 in lower case without padding. Raises PipelineError for a text that
    is_digest refuses."""
    if not is_digest(digest):
        raise PipelineError(
            f"{digest!r} is no SHA-256; give 64 lower-case hexadecimal digits, as hashlib does"
        )
    return base64.b32encode(bytes.fromhex(digest)).decode().rstrip("=").lower()


def digest_from_label(value: str) -> str:
    """The digest in hexadecimal that `digest_to_label` made it of; empty for what it cannot have
    made."""
    if not re.fullmatch(r"[a-z2-7]{52}", value):
        return ""
    digest = base64.b32decode(f"{value.upper()}====").hex()
    # The last character has four bits to spare: of 16 that decode alike one is ours.
    return digest if digest_to_label(digest) == value else ""
