"""Types of command line arguments."""

import argparse
import math


def seconds(text: str) -> float:
    """A duration; raises argparse.ArgumentTypeError for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 on")
    return value
