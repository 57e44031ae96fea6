"""The only folder that talks to Vertex AI; what to say is decided elsewhere."""
