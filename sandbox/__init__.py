"""Google Cloud on one machine: BigQuery, Cloud Storage and Vertex AI, on loopback only."""
