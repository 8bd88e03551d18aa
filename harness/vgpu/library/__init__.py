"""libcuda.so.1: the C library that programs load in place of NVIDIA's; each of its functions calls the driver in Python."""
