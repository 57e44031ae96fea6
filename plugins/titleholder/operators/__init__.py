"""The tasks of the weekly DAG. Thin: read, decide with the pure rules, act."""
