"""Alerts: facts in, a small message out, and its delivery by webhook, e-mail and log."""
