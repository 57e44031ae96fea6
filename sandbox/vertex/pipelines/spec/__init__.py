"""The compiled spec of a pipeline: messages, values, conditions, unsupported features."""
