"""The child process that runs one pipeline job."""
