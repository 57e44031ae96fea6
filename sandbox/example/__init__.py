"""The data of the example model."""
