/* Functions that CUDA provides to kernels; see runtime.c. */

int32_t vgpu_runtime(vgpu_warp *warp, uint32_t mask, uint32_t function, uint32_t line);
