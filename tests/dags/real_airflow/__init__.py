"""Tests under a real Airflow, which all of them share: a package, so that it ends after them."""
