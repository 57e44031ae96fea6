"""Keeps the best model on the throne: freshness, pipeline, rollout, for Airflow and Vertex AI."""
