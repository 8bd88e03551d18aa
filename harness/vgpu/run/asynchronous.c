/* cp.async and mbarrier.

   A copy is done when it is issued, which PTX allows: nothing says how long it may take. So groups of copies are always
   complete, and a copy that would signal an mbarrier signals it at once. */

#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "helpers.h"
#include "counting.h"
#include "windows.h"

enum { LANES = 32 };

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

/* The lanes that read less than a whole piece: what is not read is zero. */
static int32_t read_parts(vgpu_warp *warp, uint32_t mask, uint32_t bytes, const uint32_t *sizes, uint8_t *data,
                          uint32_t from) {
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    uint64_t source = warp->addresses[lane];
    for (uint32_t byte = 0; byte < sizes[lane]; byte++) {
      warp->addresses[lane] = source + byte;
      if (vgpu_check_access(warp, 1u << lane, 1, from, 0) != 0) return -1;
      data[lane * bytes + byte] = *(const uint8_t *)(uintptr_t)(source + byte);
    }
  }
  return 0;
}

int32_t vgpu_copy_async(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t from, uint32_t to) {
  const vgpu_helpers *helpers = warp->launch->helpers;
  uint32_t sizes[LANES], whole = 0, parts = 0;
  uint64_t targets[LANES];
  uint8_t data[LANES * 16] = {0};
  memcpy(sizes, warp->operand_a, sizeof sizes);
  memcpy(targets, warp->operand_b, sizeof targets);
  if (!warp->counted && copy_directly(warp, mask, bytes, sizes, targets, warp->range[from], warp->range[to])) return 0;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    if (sizes[lane] >= bytes) whole |= 1u << lane;
    else if (sizes[lane]) parts |= 1u << lane;
  }
  if (vgpu_check_access(warp, whole, bytes, from, 0) != 0) return -1;
  if (warp->counted) vgpu_count_request(warp, whole | parts, bytes, from, 0); /* one request, whatever lanes read of it */
  for (uint32_t left = whole; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    copy_16((uint64_t)(uintptr_t)(data + lane * bytes), warp->addresses[lane], bytes);
  }
  if (read_parts(warp, parts, bytes, sizes, data, from) != 0) return -1;
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
  uint64_t a[LANES], bytes[LANES], results[LANES] = {0};
  memcpy(a, warp->operand_a, sizeof a);
  memcpy(bytes, warp->operand_b, sizeof bytes);
  if (vgpu_enter(warp, mask, 8, site, 0) != 0) return -1;
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
