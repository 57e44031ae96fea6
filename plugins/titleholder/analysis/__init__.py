"""Statistics and rules: from evidence to a verdict and a decision. Pure, no I/O."""
