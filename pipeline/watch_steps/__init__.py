"""What the steps of the watch job are made of, see docs/reference/watch-job.md."""
