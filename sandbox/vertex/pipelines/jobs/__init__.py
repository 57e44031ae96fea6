"""Pipeline jobs in the server: states, messages, child processes."""
