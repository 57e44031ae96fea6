"""`python -m docs.diagram`: draw images/architecture.svg from architecture.gv with Graphviz.

The picture is committed, so that only who changes it needs Graphviz. It follows the reader's colour
scheme, and names the digest of its source, which a test compares.
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
SOURCE, PICTURE = IMAGES / "architecture.gv", IMAGES / "architecture.svg"
STYLE = """<style>
  text { fill: #1f2328 } .heading text { fill: #57606a }
  .place path { fill: #f6f8fa; stroke: #d0d7de }
  .task path { fill: #ffffff; stroke: #57606a } .person path { stroke: #57606a }
  .thing path { fill: #ddf4ff; stroke: #0969da } .endpoint path { fill: #dafbe1; stroke: #1a7f37 }
  .edge :is(path, polygon) { stroke: #57606a } .edge polygon { fill: #57606a }
  .call :is(path, polygon) { stroke: #0969da } .call polygon { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .heading text { fill: #9198a1 }
    .place path { fill: #161b22; stroke: #30363d }
    .task path { fill: #0d1117; stroke: #9198a1 } .person path { stroke: #9198a1 }
    .thing path { fill: #0c2d6b; stroke: #4493f8 } .endpoint path { fill: #033a16; stroke: #3fb950 }
    .edge :is(path, polygon) { stroke: #9198a1 } .edge polygon { fill: #9198a1 }
    .call :is(path, polygon) { stroke: #4493f8 } .call polygon { fill: #4493f8 }
  }
</style>"""
ALTERNATIVE = (
    "Two DAGs on Cloud Composer: the weekly one reads the source table in BigQuery, runs a "
    "training pipeline on Vertex AI and deploys the model beside the champion; the daily one "
    "compares both in a duel pipeline and moves the traffic. Applications call one URL."
)


def digest() -> str:
    """The digest of the source, as the picture names it."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def draw() -> str:
    """The picture as SVG. Raises OSError where there is no Graphviz."""
    command = ["neato", "-n2", "-Tsvg", str(SOURCE)]
    drawn = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Version and titles of Graphviz say nothing about the picture.
    svg = re.sub(r"<!--.*?-->\n?|<title>.*?</title>\n?", "", drawn, flags=re.S)
    svg = svg[svg.index("<svg") :]
    head = f"<title>{ALTERNATIVE}</title>\n<!-- architecture.gv: {digest()} -->\n{STYLE}"
    return re.sub(r"(<svg[^>]*>)", lambda found: f"{found[1]}\n{head}", svg, count=1)


if __name__ == "__main__":
    try:
        PICTURE.write_text(draw(), encoding="utf-8")
    except FileNotFoundError:
        sys.exit("docs: neato is not installed; install Graphviz, for example by apt or brew")
