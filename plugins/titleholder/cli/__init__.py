"""The command line: the same engine, configuration and credentials as the DAGs."""
