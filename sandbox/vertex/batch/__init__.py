"""JobService, batch prediction: jobs that send all rows of a table or of files to a model."""
