"""What people are told, and when. Facts in, a small message out: no I/O, and nothing of Airflow."""
