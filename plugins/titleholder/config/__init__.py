"""A model's YAML file: its sections, the loader and the error messages."""
