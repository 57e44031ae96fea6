"""Runs of a model's DAGs with the clock moved."""
