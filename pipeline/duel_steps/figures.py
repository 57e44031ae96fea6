"""Charts as inline SVG: no script, no resource from elsewhere, colours from the page's style."""


def figure(
    title: str,
    note: str,
    body: str,
    across: list[tuple[float, str]],
    upward: list[tuple[float, str]],
    height: int = 240,
) -> str:
    """A captioned chart of 720 x `height`; `body` is SVG, escaped, in 72..704 x 12..height-28.

    `across` and `upward` are the axes' marks: pixel and text.
    """
    from html import escape

    base = height - 28
    grid = "".join(
        f'<line class="grid" x1="72" x2="704" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="64" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
        for y, text in upward
    ) + "".join(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{base}" y2="{base + 4}"/>'
        f'<text class="tick" x="{x:.1f}" y="{base + 19}" text-anchor="middle">{escape(text)}</text>'
        for x, text in across
    )
    return (
        f"<figure><figcaption><b>{escape(title)}</b> {escape(note)}</figcaption>"
        f'<svg viewBox="0 0 720 {height}" role="img" aria-label="{escape(title)}">'
        f"{grid}{body}</svg></figure>"
    )


def line(points: list[tuple[float, float]], kind: str) -> str:
    """A line through these pixels, of the class `kind`."""
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="line {kind}" points="{text}"/>'
