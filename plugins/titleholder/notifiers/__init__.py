"""Who is told, and how, when a run goes wrong."""
