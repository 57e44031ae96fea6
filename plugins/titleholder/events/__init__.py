"""What happened to an endpoint, as events and as rows of a table. Pure, no I/O."""
