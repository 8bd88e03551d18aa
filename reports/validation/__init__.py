"""Renders the time model's validation."""
