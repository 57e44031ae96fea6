"""Pipeline jobs in the server: states, messages, processes."""
