"""Pictures in one line of text: a traffic split, and the interval of a verdict."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from titleholder.labels import Label
from titleholder.rollout.status import RoleHolder

if TYPE_CHECKING:
    from rich.text import Text

# Character and colour by role, so that the picture is clear without colours.
_LOOKS: dict[str | None, tuple[str, str]] = {
    Label.CHAMPION: ("█", "green"),
    Label.CHALLENGER: ("▒", "yellow"),
}
_OTHER = ("░", "magenta")


def split_bar(holders: Sequence[RoleHolder], width: int) -> "Text":
    """The traffic split as a bar, in the order of `holders`. Whatever has traffic has at least one
    character."""
    from rich.text import Text

    bar = Text()
    shares = [(role, one.traffic_percentage) for one, role in holders if one.traffic_percentage]
    total = sum(share for _, share in shares)
    left, end = width, 0
    for number, (role, share) in enumerate(shares, 1):
        end += share
        after = len(shares) - number
        length = min(max(1, round(width * end / total) - (width - left)), left - after)
        character, style = _LOOKS.get(role, _OTHER)
        bar.append(character * length, style)
        left -= length
    return bar


def mark(role: str | None) -> "Text":
    """The character of a role in the bar."""
    from rich.text import Text

    return Text(*_LOOKS.get(role, _OTHER))


def interval_line(low: float, estimate: float, high: float, width: int = 41) -> str:
    """The interval on a line whose middle is 0, `width` characters (odd): `    │ ├──●──┤ `.

    On the right the challenger is better: its loss is the smaller one.
    """
    reach = max(abs(low), abs(high)) or 1.0
    middle = width // 2

    def place(value: float) -> int:
        return middle + round(value / reach * middle)

    line = [" "] * width
    line[place(low) : place(high) + 1] = "─" * (place(high) + 1 - place(low))
    line[middle] = "│"
    line[place(low)], line[place(high)], line[place(estimate)] = "├", "┤", "●"
    return "".join(line)
