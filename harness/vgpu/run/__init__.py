"""Runs compiled kernels: loaded modules, the block scheduler, worker threads."""
