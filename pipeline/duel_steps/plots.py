"""The report's four charts, each from the evidence; empty where there is nothing to draw."""

from typing import Any

from pipeline.duel_steps.figures import figure, line
from pipeline.duel_steps.histogram import bars
from pipeline.duel_steps.report_text import leaning, number
from pipeline.duel_steps.scales import day_marks, scale, ticks


def losses_plot(e: dict[str, Any]) -> str:
    """Both models' mean loss on the deciding target, day by day."""
    if not (days := e["days"]):
        return ""
    roles = ("champion", "challenger")
    values = [day[f"{role}_loss"] for day in days for role in roles]
    pad = (max(values) - min(values)) * 0.08
    low, high = min(values) - pad, max(values) + pad
    places, across = day_marks(days)
    y = scale(low, high, 212, 12)
    body = ""
    for role in roles:
        points = [(x, y(day[f"{role}_loss"])) for x, day in zip(places, days, strict=True)]
        body += line(points, role) + "".join(
            f'<circle class="{role}" cx="{px:.1f}" cy="{py:.1f}" r="3"><title>{day["day"]}: {role} '
            f"{number(day[f'{role}_loss'])} on {number(day['n'])} rows</title></circle>"
            for (px, py), day in zip(points, days, strict=True)
        )
    upward = [(y(value), f"{value:.6g}") for value in ticks(low, high)]
    return figure("Loss, day by day.", "Lower is better.", body, across, upward)


def differences_plot(e: dict[str, Any]) -> str:
    """The paired differences' mean by day with its 95 % interval, and their mean so far."""
    if not (days := e["days"]):
        return ""
    reach = [1.96 * ((day["variance"] or 0.0) / day["n"]) ** 0.5 for day in days]
    low = min(0.0, *(day["mean"] - r for day, r in zip(days, reach, strict=True)))
    high = max(0.0, *(day["mean"] + r for day, r in zip(days, reach, strict=True)))
    pad = (high - low) * 0.1 or 1.0
    places, across = day_marks(days)
    y = scale(low - pad, high + pad, 212, 12)
    body, so_far, rows, total = "", [], 0, 0.0
    for x, day, r in zip(places, days, reach, strict=True):
        rows, total = rows + day["n"], total + day["n"] * day["mean"]
        so_far.append((x, y(total / rows)))
        kind = leaning(day["mean"], r)
        top, bottom = y(day["mean"] + r), y(day["mean"] - r)
        body += (
            f'<g class="{kind}"><title>{day["day"]}: {number(day["mean"])} ± {number(r)} on '
            f"{number(day['n'])} rows</title>"
            f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{y(day["mean"]):.1f}" r="4"/></g>'
        )
    zero = f'<line class="zero" x1="72" x2="704" y1="{y(0):.1f}" y2="{y(0):.1f}"/>'
    sides = (
        '<text class="side" x="700" y="22" text-anchor="end">challenger better ↑</text>'
        '<text class="side" x="700" y="208" text-anchor="end">champion better ↓</text>'
    )
    upward = [(y(value), f"{value:.6g}") for value in ticks(low - pad, high + pad)]
    note = (
        "Champion's loss minus challenger's on the same rows: each day's mean with its 95 % "
        "interval, grey where that holds zero; the line is the mean so far."
    )
    whole = zero + line(so_far, "so-far") + body + sides
    return figure("Paired differences.", note, whole, across, upward)


def residuals_plot(e: dict[str, Any], residuals: dict[str, Any]) -> str:
    """How the residuals, or the probabilities of what happened, are distributed."""
    if not all(counts.sum() for counts in residuals.values()):
        return ""
    classifier = e["loss"] in ("log_loss", "zero_one")
    edges, shares = bars(residuals, *((0.0, 1.0) if classifier else (None, None)))
    high = max(float(share.max()) for share in shares.values()) * 1.08
    x, y = scale(edges[0], edges[-1], 72, 704), scale(0.0, high, 212, 12)
    body = ""
    for role, share in shares.items():
        points = [(x(edges[0]), y(0))]
        for number_of_bin, one in enumerate(share.tolist()):
            left, right = edges[number_of_bin], edges[number_of_bin + 1]
            points += [(x(left), y(one)), (x(right), y(one))]
        points.append((x(edges[-1]), y(0)))
        text = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        body += f'<polygon class="area {role}" points="{text}"/>' + line(points, role)
    if edges[0] < 0 < edges[-1]:
        body += f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="12" y2="212"/>'
    across = [(x(value), f"{value:.6g}") for value in ticks(edges[0], edges[-1], 8)]
    upward = [(y(value), f"{100 * value:.6g} %") for value in ticks(0.0, high)]
    if classifier:
        title, note = "Probability given to what happened.", "Mass at the right is better."
    else:
        title = "Residuals."
        note = "Label minus prediction: narrow and around zero is better. 99 % of the rows."
    return figure(title, note, body, across, upward)


def targets_plot(e: dict[str, Any]) -> str:
    """By target, by how much of the champion's loss the challenger's is lower."""
    rows = [
        (name, 100 * t["mean"] / t["champion_loss"], 196 * (t["variance"] / t["n"]) ** 0.5, t)
        for name, t in e["targets"].items()
        if t["n"] > 1 and t["champion_loss"]
    ]
    if len(rows) < 2:
        return ""
    rows = [(name, share, reach / t["champion_loss"], t) for name, share, reach, t in rows]
    low = min(0.0, *(share - reach for _, share, reach, _ in rows))
    high = max(0.0, *(share + reach for _, share, reach, _ in rows))
    pad = (high - low) * 0.08 or 1.0
    x = scale(low - pad, high + pad, 92, 690)
    height = 50 + 34 * len(rows)
    zero = f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="8" y2="{height - 28}"/>'
    body, upward = "", []
    for place, (name, share, reach, t) in enumerate(rows):
        y = 28 + 34 * place
        kind = leaning(share, reach)
        body += (
            f'<g class="{kind}"><title>{number(share)} % ± {number(reach)} % on '
            f"{number(t['n'])} rows</title>"
            f'<line class="whisker" x1="{x(share - reach):.1f}" x2="{x(share + reach):.1f}" '
            f'y1="{y}" y2="{y}"/><circle cx="{x(share):.1f}" cy="{y}" r="4"/></g>'
        )
        short = name if len(name) <= 10 else f"{name[:9]}…"
        upward.append((float(y), short))
    across = [(x(value), f"{value:.6g} %") for value in ticks(low - pad, high + pad, 6)]
    note = (
        "The difference as a share of the champion's loss, with its 95 % interval: right of zero "
        f"the challenger is better. {e['primary_target']} decides."
    )
    return figure("Every target.", note, zero + body, across, upward, height)
