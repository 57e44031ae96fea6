"""Text that others wrote, as it may be shown: what it quotes cannot pass for anything else."""


def plain(text: str) -> str:
    """The text on one line, every character of it visible.

    Whitespace of any kind, line breaks too, is shown as a space. What no reader sees (controls such
    as ESC, the format characters that turn the direction of writing or have no width) is shown as
    Python writes it: `\\x1b`, `\\u202e`.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode()
