"""What the report says in words. All of it is plain text: the page escapes it."""

from typing import Any


def number(value: float | None) -> str:
    """Four significant digits, thousands apart; a dash for what is not known."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3e}"
    digits = max(0, 3 - len(f"{abs(value):.0f}") + (abs(value) < 1))
    return f"{value:,.{digits + (0 < abs(value) < 0.1)}f}"


def leaning(mean: float, reach: float) -> str:
    """Whom the interval mean ± reach favours: the challenger is better, worse, or neither: even."""
    if reach <= 0 or abs(mean) <= reach:
        return "even"
    return "better" if mean > 0 else "worse"


def headline(e: dict[str, Any]) -> str:
    """The result in one sentence."""
    if not e["n"]:
        return "Nothing to compare: no row has a label and two sound predictions."
    rows, target = number(e["n"]), e["primary_target"]
    if not e["mean"] or not e["champion_loss"]:
        lead = "the same as" if not e["mean"] else "higher than"
        return f"On {rows} rows the challenger's loss on {target} is {lead} the champion's."
    share = 100 * e["mean"] / e["champion_loss"]
    which = "lower" if share > 0 else "higher"
    return (
        f"On {rows} rows the challenger's loss on {target} is {number(abs(share))} % {which} than "
        "the champion's."
    )


def warnings(e: dict[str, Any]) -> list[str]:
    """What should make a reader doubt, one sentence each."""
    found = [
        f"Rows where a prediction or loss of the {role} is no finite number, which are in no "
        f"mean: {number(e[f'{role}_invalid_predictions'])}."
        for role in ("champion", "challenger")
        if e[f"{role}_invalid_predictions"]
    ]
    if not e["rows"]:
        found.append(
            "The window is empty: no row is newer than both models' data and old enough to have "
            "its label."
        )
    elif e["coverage"] < 0.9:
        found.append(
            f"Only {100 * e['coverage']:.1f} % of the rows have a label for {e['primary_target']}."
        )
    if e["rows_skipped"]:
        found.append(
            "Rows with a null, NaN or infinite feature, which were not scored: "
            f"{number(e['rows_skipped'])}."
        )
    return found


def facts(e: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures at the top: name and value."""
    unit = {"absolute": "mean absolute error", "squared": "mean squared error"}
    unit |= {"log_loss": "mean log loss, nats", "zero_one": "share of errors"}
    return [
        (f"champion's {unit[e['loss']]}", number(e["champion_loss"])),
        (f"challenger's {unit[e['loss']]}", number(e["challenger_loss"])),
        ("mean difference", number(e["mean"])),
        ("rows compared", number(e["n"])),
        ("rows with a label", f"{100 * e['coverage']:.1f} %"),
    ]
