"""The calls of PipelineService on jobs."""
