"""Text of others' in a chat, where it is nothing but text."""

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


def inert(text: str) -> str:
    """The text without anything that a chat takes for markup, a mention or an address."""
    text = text.translate(_ALIKE)
    for pattern, by in _RULES:
        text = pattern.sub(by, text)
    return text
