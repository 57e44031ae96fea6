"""The calls of PipelineService that have to do with jobs."""
