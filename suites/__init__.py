"""What is compared: fused operators with their references, on the inputs of each case. Mirrors `kernels`."""
