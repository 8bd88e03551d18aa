"""libcuda.so.1: the C library that programs load in place of NVIDIA's; its functions call the driver in Python."""
