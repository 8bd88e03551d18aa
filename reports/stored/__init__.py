"""Renders a stored run: speedups, launches beside the originals', what the kernels move; nothing is computed anew."""
