"""A CUDA driver on the CPU: runs the PTX that nvcc emits, counts what it does, models how long it would take."""
