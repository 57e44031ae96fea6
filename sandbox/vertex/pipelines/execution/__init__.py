"""Runs one pipeline job, in a child process."""
