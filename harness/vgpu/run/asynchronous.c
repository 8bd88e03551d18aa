/* cp.async and mbarrier.

   A copy is done when it is issued, which PTX allows: nothing says how long it may take. So groups of copies are always
   complete, and a copy that would signal an mbarrier signals it at once. */

#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "helpers.h"

enum { LANES = 32 };

static int inside(vgpu_range range, uint64_t address, uint64_t bytes) {
  return address >= range.start && bytes <= range.end - range.start && address <= range.end - bytes;
}

/* --- cp.async ------------------------------------------------------------------------------------------------- */

static inline void copy_16(uint64_t to, uint64_t from, uint32_t bytes) {
  void *target = (void *)(uintptr_t)to;
  const void *source = (const void *)(uintptr_t)from;
  if (bytes == 16) memcpy(target, source, 16);
  else if (bytes == 8) memcpy(target, source, 8);
  else memcpy(target, source, 4);
}

/* All lanes whole, aligned, and where this instruction may go already. */
static int copy_directly(vgpu_warp *warp, uint32_t mask, uint32_t bytes, const uint32_t *sizes, const uint64_t *targets,
                         vgpu_range from, vgpu_range to) {
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    uint64_t source = warp->addresses[lane], target = targets[lane];
    if (sizes[lane] != bytes || (source | target) % bytes || !inside(from, source, bytes) || !inside(to, target, bytes))
      return 0;
  }
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    copy_16(targets[lane], warp->addresses[lane], bytes);
  }
  return 1;
}

int32_t vgpu_copy_async(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t from, uint32_t to) {
  const vgpu_helpers *helpers = warp->launch->helpers;
  uint32_t sizes[LANES], whole = 0;
  uint64_t targets[LANES], sources[LANES];
  uint8_t data[LANES * 16] = {0};
  memcpy(sizes, warp->operand_a, sizeof sizes);
  memcpy(targets, warp->operand_b, sizeof targets);
  if (copy_directly(warp, mask, bytes, sizes, targets, warp->range[from], warp->range[to])) return 0;
  memcpy(sources, warp->addresses, sizeof sources);
  for (uint32_t lane = 0; lane < LANES; lane++)
    if (mask >> lane & 1 && sizes[lane] >= bytes) whole |= 1u << lane;
  if (whole && helpers->load(warp, whole, bytes, from) != 0) return -1;
  for (uint32_t lane = 0; lane < LANES; lane++)
    if (whole >> lane & 1) memcpy(data + lane * bytes, warp->scratch + lane * bytes, bytes);
  for (uint32_t left = mask & ~whole; left; left &= left - 1) { /* what is not read is zero */
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    for (uint32_t byte = 0; byte < sizes[lane]; byte++) {
      warp->addresses[lane] = sources[lane] + byte;
      if (helpers->load(warp, 1u << lane, 1, from) != 0) return -1;
      data[lane * bytes + byte] = warp->scratch[lane];
    }
  }
  memcpy(warp->addresses, targets, sizeof targets);
  memcpy(warp->scratch, data, LANES * bytes);
  return mask ? helpers->store(warp, mask, bytes, to) : 0;
}

/* --- mbarrier --------------------------------------------------------------------------------------------------

   PTX leaves the 64 bits to the implementation. From the lowest: pending arrivals (20 bits), arrivals that a phase
   expects (20), pending bytes of transactions (22, two's complement), one unused bit, parity of the phase. The state
   that an arrival returns is the object as it was before: its phase and its pending count. */

enum { INIT, INVAL, ARRIVE, DROP, EXPECT, COMPLETE, TEST, PARITY, OPERATIONS };
static const uint64_t COUNT = 0xfffff, BYTES = 0x3fffff, PHASE = 1ull << 63;
enum { EXPECTED_AT = 20, BYTES_AT = 40 };

typedef struct {
  uint64_t pending, expected, bytes, phase;
} barrier;

static barrier unpack(uint64_t word) {
  return (barrier){word & COUNT, word >> EXPECTED_AT & COUNT, word >> BYTES_AT & BYTES, word & PHASE};
}

static uint64_t pack(barrier b) {
  return (b.pending & COUNT) | (b.expected & COUNT) << EXPECTED_AT | (b.bytes & BYTES) << BYTES_AT | b.phase;
}

static barrier finish(barrier b) {
  if (b.pending == 0 && (b.bytes & BYTES) == 0) b.phase ^= PHASE, b.pending = b.expected;
  return b;
}

/* `a` is the operand that the operation has; `bytes` are expected before an arrival. */
static uint64_t apply(uint32_t operation, uint64_t word, uint64_t a, uint64_t bytes) {
  barrier b = unpack(word);
  switch (operation) {
    case INIT: return pack((barrier){a, a, 0, 0});
    case INVAL: return 0;
    case DROP: b.expected -= a; /* fall through */
    case ARRIVE:
      b.bytes += bytes;
      b.pending -= a;
      return pack(finish(b));
    case EXPECT: b.bytes += a; return pack(b);
    case COMPLETE: b.bytes -= a; return pack(finish(b));
    default: return word;
  }
}

int32_t vgpu_mbarrier(vgpu_warp *warp, uint32_t mask, uint32_t operation, uint32_t site) {
  const vgpu_helpers *helpers = warp->launch->helpers;
  uint64_t a[LANES], bytes[LANES], results[LANES] = {0};
  memcpy(a, warp->operand_a, sizeof a);
  memcpy(bytes, warp->operand_b, sizeof bytes);
  if (mask && helpers->load(warp, mask, 8, site) != 0) return -1;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    void *place = (void *)(uintptr_t)warp->addresses[lane];
    uint64_t word;
    memcpy(&word, place, sizeof word);
    results[lane] = word;
    if (operation == TEST) results[lane] = (word & PHASE) != (a[lane] & PHASE);
    if (operation == PARITY) results[lane] = (word & PHASE ? 1 : 0) != (a[lane] & 1);
    word = apply(operation, word, a[lane], bytes[lane]);
    memcpy(place, &word, sizeof word);
  }
  memcpy(warp->scratch, results, sizeof results);
  return 0;
}
