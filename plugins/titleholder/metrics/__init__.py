"""Metrics of models: what they are, their values, and their way through Airflow's Stats."""
