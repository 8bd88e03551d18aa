"""Mutation testing: which small mistakes in a suite's CUDA sources its cases notice, and which they would let pass."""
