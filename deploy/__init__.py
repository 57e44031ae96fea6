"""Deploys dags/, plugins/ and the compiled pipelines to a Cloud Composer environment."""
