"""The steps of the pipelines, one lightweight Python component a file."""
