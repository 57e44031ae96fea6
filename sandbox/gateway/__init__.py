"""The gateway: an HTTPS proxy that leads calls to Google's addresses to the sandbox.

A program uses it by environment variables alone (`client_settings.py`): the addresses, TLS and
transports of Google's clients stay as they are.
"""
