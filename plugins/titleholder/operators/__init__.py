"""Airflow operators: each reads, decides by the pure rules, and acts."""
