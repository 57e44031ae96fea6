"""Lineage by OpenLineage: what the tasks read and write, and the facets that say so."""
