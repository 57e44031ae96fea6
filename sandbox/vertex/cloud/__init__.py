"""What Google's SDK calls beside Vertex AI: projects, log entries, access tokens."""
