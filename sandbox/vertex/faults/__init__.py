"""Faults on demand, for tests: which call or operation goes wrong, and a record of what happened.

Off unless asked for. Rules without I/O: `rules`; what is armed and hit: `book`; over HTTP: `layer`
(around the server) and `admin` (its own paths, /sandbox/...).
"""
