"""The CUDA driver behind libcuda.so.1, in Python: one noun a file, each with the functions that C programs call."""
