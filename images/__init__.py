"""The image that trains and serves models: its build context, its lock, and its reference."""
