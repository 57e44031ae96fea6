"""Text from outside, such as a reason or an error: made harmless for a terminal, a log or a
chat."""

import re

# Neither Slack's nor Google Chat's markup, nor Markdown, has an escape that the others know, and
# each of them turns an address, a mention or `:name:` into more than text by itself. So what would
# be markup is written with a sign that looks alike; a dot between letters, which makes an address
# of two words, with one that does not, since a name with another dot is no name of anything.
_ALIKE = str.maketrans({"<": "‹", ">": "›", "*": "∗", "~": "∼", "`": "'"})
_RULES = [
    (re.compile(pattern), by)
    for pattern, by in (
        (r"(?<!\w)_+|_+(?!\w)", lambda found: "ˍ" * len(found[0])),  # _emphasis_, not a_name
        (r"\]\(", "] ("),  # [words](address)
        (r":(?=//)", "∶"),
        (r":(?=(?:[\w+'-]*[^\W\d_][\w+'-]*|[+-]1|100|1234):)", "∶"),  # :smile:, not 03:00:00
        (r"(?<=[\w-])[.\u3002\uff0e\uff61](?=[^\W\d_])", "·"),
        (r"(?<!\w)@(?=\w)", "＠"),
        (r"(?<!\w)#(?=\w)", "＃"),
        (r"&(?=#?\w+;)", "＆"),
    )
]


def plain(text: str) -> str:
    """The text on one line, every character of it visible.

    Whitespace of any kind, line breaks too, becomes a space. Invisible characters (controls such as
    ESC, and format characters that have no width or turn the direction of writing) become what
    Python writes for them: `\\x1b`, `\\u202e`.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def inert(text: str) -> str:
    """The text without anything that a chat takes for markup, a mention or an address."""
    text = text.translate(_ALIKE)
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    return text


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else character.encode("unicode_escape").decode()
