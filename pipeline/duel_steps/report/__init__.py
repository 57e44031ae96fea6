"""The report of a duel: one HTML page with inline SVG, without any library."""
