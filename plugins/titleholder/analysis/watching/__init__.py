"""Watching the champion: what is measured, counted, decided and recorded. Pure, no I/O."""
