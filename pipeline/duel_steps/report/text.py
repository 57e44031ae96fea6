"""The texts of the report. They are plain text: the page escapes them."""

from typing import Any


def number(value: float | None) -> str:
    """Four significant digits, with a thousands separator; a dash for an unknown value."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3e}"
    digits = max(0, 3 - len(f"{abs(value):.0f}") + (abs(value) < 1))
    return f"{value:,.{digits + (0 < abs(value) < 0.1)}f}"


def interval_class(mean: float, half_width: float) -> str:
    """Whether the challenger is better, worse or even by the interval mean ± half_width of the
    champion's loss minus the challenger's."""
    if half_width <= 0 or abs(mean) <= half_width:
        return "even"
    return "better" if mean > 0 else "worse"


def units(evidence: dict[str, Any]) -> str:
    """What `n` counts: rows or clusters."""
    return "clusters" if evidence["cluster_column"] else "rows"


def headline(evidence: dict[str, Any]) -> str:
    """The result in one sentence."""
    if not evidence["n"]:
        return "Nothing to compare: no row has a label and two valid predictions."
    count, target = f"{number(evidence['n'])} {units(evidence)}", evidence["primary_target"]
    if not evidence["mean"] or not evidence["champion_loss"]:
        comparison = "the same as" if not evidence["mean"] else "higher than"
    else:
        percentage = 100 * evidence["mean"] / evidence["champion_loss"]
        word = "lower" if percentage > 0 else "higher"
        comparison = f"{number(abs(percentage))} % {word} than"
    return f"On {count} the challenger's loss on {target} is {comparison} the champion's."


def warnings(evidence: dict[str, Any]) -> list[str]:
    """Reasons to distrust the result, one sentence each."""
    found = [
        f"Rows where a prediction or loss of the {role} is not a finite number, which are in no "
        f"mean: {number(evidence[f'{role}_invalid_predictions'])}."
        for role in ("champion", "challenger")
        if evidence[f"{role}_invalid_predictions"]
    ]
    if not evidence["rows"]:
        found.append(
            "The window is empty: no row is newer than both models' training data and old enough "
            "to have its label."
        )
    elif evidence["coverage"] < 0.9:
        found.append(
            f"Only {100 * evidence['coverage']:.1f} % of the rows have a label for "
            f"{evidence['primary_target']}."
        )
    if evidence["rows_skipped"]:
        found.append(
            "Rows with a null, NaN or infinite feature, which were not scored: "
            f"{number(evidence['rows_skipped'])}."
        )
    sample = evidence["sample"]
    if sample and sample["days_without_rows"]:
        found.append(
            f"Days of which no row is in the sample: {number(sample['days_without_rows'])}. The "
            "rows of one key are more than max_rows_per_day."
        )
    return found


def notes(evidence: dict[str, Any]) -> list[str]:
    """How the rows were chosen and counted, one sentence each; nothing for all rows, one by one."""
    found = []
    if sample := evidence["sample"]:
        found.append(
            f"A sample: {number(evidence['rows'])} of {number(sample['rows_in_window'])} rows, at "
            f"most {number(sample['max_rows_per_day'])} of each day (UTC), chosen by "
            f"{', '.join(sample['sampled_by'])}. All counts are of the sample."
        )
    if column := evidence["cluster_column"]:
        found.append(
            f"Rows with the same {column} are one cluster and count as one: "
            f"{number(evidence['rows_compared'])} rows in {number(evidence['n'])} clusters. A "
            "cluster is of the day of its newest row."
        )
    return found


def target_results(evidence: dict[str, Any]) -> list[str]:
    """Of each target, whether the challenger got better or worse, and by how much."""
    found = []
    for name, target in evidence["targets"].items():
        if target["variance"] is None:
            found.append(f"{name}: too few {units(evidence)} to tell")
            continue
        mean, half = target["mean"], 1.96 * (target["variance"] / target["n"]) ** 0.5
        kind = interval_class(mean, half)
        if not target["variance"]:
            found.append(f"{name}: the same difference, {number(mean)}, of all {units(evidence)}")
        elif kind == "even":
            low, high = number(mean - half), number(mean + half)
            found.append(f"{name}: no clear difference, {number(mean)} ({low} to {high})")
        else:
            low, high = number(abs(mean) - half), number(abs(mean) + half)
            found.append(f"{name}: {kind} by {number(abs(mean))} ({low} to {high})")
    return found


def facts(evidence: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures at the top: name and value."""
    unit = {"absolute": "mean absolute error", "squared": "mean squared error"}
    unit |= {"log_loss": "mean log loss, nats", "zero_one": "share of errors"}
    return [
        (f"champion's {unit[evidence['loss']]}", number(evidence["champion_loss"])),
        (f"challenger's {unit[evidence['loss']]}", number(evidence["challenger_loss"])),
        ("mean difference", number(evidence["mean"])),
        (f"{units(evidence)} compared", number(evidence["n"])),
        ("rows with a label", f"{100 * evidence['coverage']:.1f} %"),
    ]
