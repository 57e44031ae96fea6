"""Runs of a model's DAGs in this process, also at other times than now."""
