"""Renders the record of a run. Reads `harness.results` and nothing else of the harness."""
