"""The only package that calls Vertex AI."""
