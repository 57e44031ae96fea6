"""Types of command line arguments."""

import argparse
import math
import re


def project_id(text: str) -> str:
    """A project's id, as Google allows them; raises argparse.ArgumentTypeError for what is none."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a project id: write 6 to 30 lowercase letters, digits and hyphens "
            "that start with a letter and do not end with a hyphen"
        )
    return text


def location(text: str) -> str:
    """A region's name; raises argparse.ArgumentTypeError for what is none."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a region: write one as Google does, such as europe-west4"
        )
    return text


def seconds(text: str) -> float:
    """A duration; raises argparse.ArgumentTypeError for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 on")
    return value
