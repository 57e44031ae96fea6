"""What there is to see of the models: a page in Airflow, and the same as a file."""
