"""Faults on demand, for tests, and a record of calls and traffic; off by default.

rules.py has the rules, without I/O; registry.py the armed faults; middleware.py applies them around
the server; admin.py has the paths /sandbox/...
"""
