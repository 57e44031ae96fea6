"""Long-running operations, which every service starts and Google's clients poll."""
