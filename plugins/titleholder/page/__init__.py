"""The page about the models: in Airflow's UI, and as a file."""
