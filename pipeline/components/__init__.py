"""Steps of the pipelines, one lightweight Python component a file."""
