/* wmma.load and wmma.store: the fragments of a warp from and to a matrix in memory.

   In: a table with a line and a byte of the line for every unit (elements that lie together, in one register) of every
   lane; before them stand the last line and the bytes of a line. Data pass through `data`: registers one after another,
   each with its 32 lanes. */

#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "helpers.h"

enum { LANES = 32 };

static inline void move(void *to, const void *from, uint32_t bytes) {
  switch (bytes) {
    case 1: memcpy(to, from, 1); break;
    case 2: memcpy(to, from, 2); break;
    case 4: memcpy(to, from, 4); break;
    default: memcpy(to, from, 8); break;
  }
}

/* Without checks: the whole matrix lies where this instruction may go. */
static inline void unit_directly(uint64_t address, uint64_t stride, const uint8_t *places, uint8_t *here,
                                 uint32_t bytes, uint32_t width, uint32_t write) {
  for (uint32_t lane = 0; lane < LANES; lane++) {
    uint8_t *there = (uint8_t *)(uintptr_t)(address + places[2 * lane] * stride + places[2 * lane + 1]);
    if (write) move(there, here + (size_t)lane * width, bytes);
    else move(here + (size_t)lane * width, there, bytes);
  }
}

/* Through the access helpers, which check and count. */
static int32_t unit_checked(vgpu_warp *warp, uint64_t address, uint64_t stride, const uint8_t *places, uint8_t *here,
                            uint32_t bytes, uint32_t width, uint32_t write, uint32_t site) {
  const vgpu_helpers *helpers = warp->launch->helpers;
  for (uint32_t lane = 0; lane < LANES; lane++) {
    warp->addresses[lane] = address + places[2 * lane] * stride + places[2 * lane + 1];
    if (write) move(warp->scratch + (size_t)lane * bytes, here + (size_t)lane * width, bytes);
  }
  if (write) return helpers->store(warp, UINT32_MAX, bytes, site);
  if (helpers->load(warp, UINT32_MAX, bytes, site) != 0) return -1;
  for (uint32_t lane = 0; lane < LANES; lane++)
    move(here + (size_t)lane * width, warp->scratch + (size_t)lane * bytes, bytes);
  return 0;
}

int32_t vgpu_matrix(vgpu_warp *warp, uint64_t address, uint64_t stride, const uint8_t *table, uint8_t *data,
                    uint32_t shape, uint32_t site) {
  uint32_t units = shape & 255, bytes = shape >> 8 & 255, width = shape >> 16 & 255, write = shape >> 24;
  uint64_t extent = table[0] * stride + table[1];
  vgpu_range range = warp->range[site];
  int direct = !warp->counted && address >= range.start && extent <= range.end - range.start && address <= range.end - extent &&
               address % bytes == 0 && stride % bytes == 0;
  for (uint32_t unit = 0; unit < units; unit++) {
    const uint8_t *places = table + 2 + 2 * LANES * unit;
    uint8_t *here = data + unit * bytes / width * width * LANES + unit * bytes % width;
    if (!direct) {
      if (unit_checked(warp, address, stride, places, here, bytes, width, write, site) != 0) return -1;
    } else if (bytes == 4 && width == 4) {
      unit_directly(address, stride, places, here, 4, 4, write);
    } else {
      unit_directly(address, stride, places, here, bytes, width, write);
    }
  }
  return 0;
}
