"""Weekly retraining, evaluation and rollout of models on Vertex AI, for Airflow."""
