"""Compiled pipelines: their contract, templates, fingerprint, and what they offer."""
