"""Verdicts at many looks: intervals, boundaries, and the design that sets them."""
