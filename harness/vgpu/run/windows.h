/* Where the spaces lie in host memory, for one warp. */

static inline int inside(vgpu_range range, uint64_t address, uint64_t bytes) {
  return address >= range.start && bytes <= range.end - range.start && address <= range.end - bytes;
}

static inline vgpu_range shared_window(const vgpu_warp *warp) {
  uint64_t start = (uint64_t)(uintptr_t)warp->shared;
  return (vgpu_range){start, start + warp->launch->shared_bytes};
}

static inline vgpu_range local_window(const vgpu_warp *warp) {
  uint64_t start = (uint64_t)(uintptr_t)warp->local;
  return (vgpu_range){start, start + (uint64_t)32 * warp->launch->local_bytes};
}

static inline vgpu_range parameter_window(const vgpu_warp *warp) {
  uint64_t start = (uint64_t)(uintptr_t)warp->launch->parameters;
  return (vgpu_range){start, start + 32768};
}

/* Index of the allocation that holds all the bytes, or -1. The last one found is tried first. */
static inline int64_t allocation_of(const vgpu_launch *launch, uint64_t address, uint64_t bytes) {
  static __thread uint64_t latest;
  if (latest < launch->allocation_count && inside(launch->allocations[latest], address, bytes)) return (int64_t)latest;
  uint64_t low = 0, high = launch->allocation_count;
  while (low < high) { /* the last allocation that starts at or before the address */
    uint64_t middle = (low + high) / 2;
    if (launch->allocations[middle].start <= address) low = middle + 1;
    else high = middle;
  }
  if (low == 0 || !inside(launch->allocations[low - 1], address, bytes)) return -1;
  latest = low - 1;
  return (int64_t)latest;
}
