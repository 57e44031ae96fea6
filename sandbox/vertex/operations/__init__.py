"""Long-running operations: services start them, and clients poll them."""
