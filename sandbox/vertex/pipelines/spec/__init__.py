"""A pipeline's compiled spec: messages, values, conditions, what is unsupported."""
