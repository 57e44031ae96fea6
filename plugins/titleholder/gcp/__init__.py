"""The only package that calls Google Cloud."""
