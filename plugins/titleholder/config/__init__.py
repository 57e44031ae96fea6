"""A model's YAML file: its sections, how it is read, and what is said of mistakes."""
