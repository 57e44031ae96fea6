"""BigQuery: the source table, the events table, metrics of live traffic."""
