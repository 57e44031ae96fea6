"""Types of command-line arguments; each raises argparse.ArgumentTypeError for an invalid text."""

import argparse
import math
import re


def project_id(text: str) -> str:
    """A project id of the form that Google allows."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a project id: write 6 to 30 lowercase letters, digits and hyphens "
            "that start with a letter and do not end with a hyphen"
        )
    return text


def location(text: str) -> str:
    """The name of a region."""
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a region: write a name such as europe-west4"
        )
    return text


def seconds(text: str) -> float:
    """A finite duration of 0 seconds or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value
