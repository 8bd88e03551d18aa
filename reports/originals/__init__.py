"""Renders the tables of harness.originals."""
