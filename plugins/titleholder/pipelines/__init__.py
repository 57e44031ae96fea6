"""Compiled pipelines: contract, templates, fingerprint and candidate models."""
