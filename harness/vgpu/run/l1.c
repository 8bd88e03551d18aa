/* The L1 of the cache model: it keeps the sectors that one block has touched, whatever their number, and nothing from
   one block to the next. A hash table of 128-byte lines; a new block only takes the next number. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../layout.h"
#include "counting.h"

typedef struct {
  uint64_t line;
  uint32_t block; /* the number of the block that the entry is of */
  uint8_t touched[2]; /* sectors, a bit each: read, written */
} entry;

struct vgpu_l1 {
  entry *entries;
  uint64_t size, used; /* a power of two */
  uint32_t block;
};

enum { FIRST_SIZE = 1024 };

static entry *allocate(uint64_t size) {
  entry *made = calloc(size, sizeof(entry));
  if (!made) abort();
  return made;
}

vgpu_l1 *vgpu_l1_make(void) {
  vgpu_l1 *l1 = malloc(sizeof *l1);
  if (!l1) abort();
  *l1 = (vgpu_l1){allocate(FIRST_SIZE), FIRST_SIZE, 0, 1};
  return l1;
}

void vgpu_l1_clear(vgpu_l1 *l1) {
  l1->used = 0;
  if (++l1->block == 0) { /* the numbers begin again */
    memset(l1->entries, 0, l1->size * sizeof(entry));
    l1->block = 1;
  }
}

static entry *find(const vgpu_l1 *l1, uint64_t line) {
  uint64_t at = (line * 0x9e3779b97f4a7c15u >> 20) & (l1->size - 1);
  while (l1->entries[at].block == l1->block && l1->entries[at].line != line) at = (at + 1) & (l1->size - 1);
  return &l1->entries[at];
}

static void grow(vgpu_l1 *l1) {
  vgpu_l1 larger = {allocate(2 * l1->size), 2 * l1->size, l1->used, l1->block};
  for (uint64_t at = 0; at < l1->size; at++)
    if (l1->entries[at].block == l1->block) *find(&larger, l1->entries[at].line) = l1->entries[at];
  free(l1->entries);
  *l1 = larger;
}

uint32_t vgpu_l1_touch(vgpu_l1 *l1, uint64_t line, uint32_t sectors, uint32_t what) {
  entry *here = find(l1, line);
  if (here->block != l1->block) {
    if (2 * ++l1->used > l1->size) {
      grow(l1);
      here = find(l1, line);
    }
    *here = (entry){.line = line, .block = l1->block};
  }
  uint32_t fresh = sectors & ~(uint32_t)here->touched[what - 1];
  here->touched[what - 1] |= (uint8_t)sectors;
  return fresh;
}
