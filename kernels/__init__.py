"""Fused operators: CUDA kernels with their launching functions, by area. Each has a `reference` of the same name."""
