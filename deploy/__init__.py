"""Puts dags/, plugins/ and the compiled pipelines into a Cloud Composer environment."""
