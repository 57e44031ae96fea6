"""The command line, with the same engine, configuration and credentials as the DAGs."""
