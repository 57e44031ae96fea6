"""The events of an endpoint and their rows in a table. Pure, no I/O."""
