/* Wavefronts of a request to shared memory.

   32 banks of 4 bytes; lanes that want the same word get it in the same pass, lanes that want different words of one
   bank need a pass each (CUDA C++ Programming Guide, Shared Memory 5.x to 9.0). Of 8 bytes a lane the two halves of the
   warp go one after the other, of 16 bytes its quarters: a pass moves 128 bytes. Two such groups of a load go together
   where lanes n and n ^ 1, or all lanes n and n ^ 2, have the same address (NVIDIA, developer forum 77228).
   Atomics on one word come one after another. docs/counters.md has the sources. */

#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "counting.h"

enum { LANES = 32, BANKS = 32, WORD = 4, LOAD = 1, ATOMIC = 3 };

/* Whether all active lanes n and n ^ `step` have the same address, where both are active. */
static int paired(const uint64_t *addresses, uint32_t mask, uint32_t step) {
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left), other = lane ^ step;
    if ((mask >> other & 1) && addresses[lane] != addresses[other]) return 0;
  }
  return 1;
}

static uint32_t lanes_at_once(const uint64_t *addresses, uint32_t mask, uint32_t bytes, uint32_t access) {
  uint32_t lanes = bytes <= WORD ? LANES : LANES * WORD / bytes;
  if (lanes < LANES && access == LOAD && (paired(addresses, mask, 1) || paired(addresses, mask, 2))) lanes *= 2;
  return lanes;
}

/* Most different words that one bank has to give to these lanes; of atomics, most words. */
static uint32_t passes(const uint64_t *addresses, uint64_t base, uint32_t mask, uint32_t bytes, int distinct) {
  uint64_t words[BANKS][LANES];
  uint8_t found[BANKS] = {0};
  uint32_t most = 0, each = bytes <= WORD ? 1 : bytes / WORD;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint64_t first = (addresses[__builtin_ctz(left)] - base) / WORD;
    for (uint64_t word = first; word < first + each; word++) {
      uint32_t bank = word % BANKS, known = distinct ? found[bank] : 0;
      while (known && words[bank][known - 1] != word) known--;
      if (known) continue;
      words[bank][found[bank]++] = word;
      if (found[bank] > most) most = found[bank];
    }
  }
  return most;
}

vgpu_wavefronts vgpu_wavefronts_of(const uint64_t *addresses, uint64_t base, uint32_t mask, uint32_t bytes,
                                   uint32_t access) {
  vgpu_wavefronts found = {0, 0};
  uint32_t lanes = lanes_at_once(addresses, mask, bytes, access);
  for (uint32_t first = 0; first < LANES; first += lanes) {
    uint32_t group = lanes == LANES ? mask : mask & ((1u << lanes) - 1) << first;
    if (!group) continue;
    found.taken += passes(addresses, base, group, bytes, access != ATOMIC);
    found.ideal++;
  }
  return found;
}
