/* Memory accesses of a warp that the compiled code's fast path does not take: scattered or masked addresses, the
   first touch of an allocation, and every access of a counted launch.

   In: host addresses of 32 lanes in `warp->addresses`. Data pass through `warp->scratch`, one lane after another. */

#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "fault.h"
#include "runtime.h"
#include "helpers.h"

enum { LANES = 32, SECTOR = 32, GENERIC = 0, GLOBAL = 1, SHARED = 2, LOCAL = 3, CONST = 4, PARAM = 5 };
enum { READ = 1, WRITTEN = 2 };

/* --- which allocation an address lies in ------------------------------------------------------------------ */

static int inside(vgpu_range range, uint64_t address, uint64_t bytes) {
  return address >= range.start && bytes <= range.end - range.start && address <= range.end - bytes;
}

/* Index of the allocation that holds all the bytes, or -1. The last one found is tried first. */
static int64_t allocation_of(const vgpu_launch *launch, uint64_t address, uint64_t bytes) {
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

static vgpu_range shared_window(const vgpu_warp *warp) {
  uint64_t start = (uint64_t)(uintptr_t)warp->shared;
  return (vgpu_range){start, start + warp->launch->shared_bytes};
}

static vgpu_range local_window(const vgpu_warp *warp) {
  uint64_t start = (uint64_t)(uintptr_t)warp->local;
  return (vgpu_range){start, start + (uint64_t)LANES * warp->launch->local_bytes};
}

static vgpu_range parameter_window(const vgpu_warp *warp) {
  uint64_t start = (uint64_t)(uintptr_t)warp->launch->parameters;
  return (vgpu_range){start, start + 32768};
}

/* The range around a legal access, or an empty one. */
static vgpu_range legal_range(const vgpu_warp *warp, uint32_t space, uint64_t address, uint32_t bytes) {
  if (space == GENERIC || space == SHARED) {
    vgpu_range window = shared_window(warp);
    if (inside(window, address, bytes)) return window;
  }
  if (space == GENERIC || space == LOCAL) {
    vgpu_range window = local_window(warp);
    if (inside(window, address, bytes)) return window;
  }
  if (space == GENERIC || space == PARAM) {
    vgpu_range window = parameter_window(warp);
    if (inside(window, address, bytes)) return window;
  }
  if (space == GENERIC || space == GLOBAL || space == CONST) {
    int64_t index = allocation_of(warp->launch, address, bytes);
    if (index >= 0) return warp->launch->allocations[index];
  }
  return (vgpu_range){0, 0};
}

static int fault(vgpu_warp *warp, uint32_t lane, uint32_t bytes, uint32_t site, uint32_t write, int32_t kind) {
  const vgpu_site *where = &warp->launch->site[site];
  uint64_t address = warp->addresses[lane];
  if (where->space == SHARED) address -= (uint64_t)(uintptr_t)warp->shared;
  vgpu_record_fault(warp,
                    (vgpu_fault){.kind = kind, .write = write, .bytes = bytes, .line = where->line,
                                 .space = where->space, .address = address},
                    lane);
  return -1;
}

static int check(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t write) {
  uint32_t space = warp->launch->site[site].space;
  vgpu_range range = {0, 0};
  int one_range = 1;
  for (uint32_t lane = 0; lane < LANES; lane++) {
    if (!(mask >> lane & 1)) continue;
    uint64_t address = warp->addresses[lane];
    if (address % bytes) return fault(warp, lane, bytes, site, write, FAULT_MISALIGNED);
    if (inside(range, address, bytes)) continue;
    one_range &= range.end == 0;
    range = legal_range(warp, space, address, bytes);
    if (range.end == 0) return fault(warp, lane, bytes, site, write, FAULT_BOUNDS);
  }
  /* shared and local windows move from worker to worker, never within one: safe to keep as well */
  int counts = warp->launch->counted && space != SHARED;
  if (space == SHARED && warp->launch->resident > 1) return 0; /* each block has its own window */
  if (one_range && range.end && !counts && space != GENERIC && space != LOCAL) warp->range[site] = range;
  return 0;
}

/* --- traffic ---------------------------------------------------------------------------------------------- */

static void touch(const vgpu_launch *launch, uint64_t address, uint32_t bytes, uint8_t what) {
  int64_t index = allocation_of(launch, address, bytes);
  if (index < 0 || !launch->footprint || !launch->footprint[index]) return;
  uint8_t *state = &launch->footprint[index][address / SECTOR - launch->allocations[index].start / SECTOR];
  if (!(__atomic_load_n(state, __ATOMIC_RELAXED) & what)) __atomic_fetch_or(state, what, __ATOMIC_RELAXED);
}

static int is_global(const vgpu_warp *warp, uint32_t space, uint64_t address) {
  if (space == GLOBAL) return 1;
  return space == GENERIC && !inside(shared_window(warp), address, 1) && !inside(local_window(warp), address, 1) &&
         !inside(parameter_window(warp), address, 1);
}

static int contiguous(const vgpu_warp *warp, uint32_t mask, uint32_t bytes) {
  uint64_t different = ~mask;
  for (uint32_t lane = 0; lane < LANES; lane++)
    different |= warp->addresses[lane] - warp->addresses[0] - (uint64_t)lane * bytes;
  return different == 0;
}

/* The common request: one piece of global memory, all lanes. Returns its sectors, or 0 where it is not that. */
static uint32_t count_piece(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t space, uint8_t what) {
  uint64_t start = warp->addresses[0];
  if (space != GLOBAL || !contiguous(warp, mask, bytes)) return 0;
  int64_t index = allocation_of(warp->launch, start, (uint64_t)LANES * bytes);
  if (index < 0 || !warp->launch->footprint || !warp->launch->footprint[index]) return 0;
  uint64_t first = start / SECTOR, last = (start + (uint64_t)LANES * bytes - 1) / SECTOR;
  uint8_t *state = warp->launch->footprint[index] - warp->launch->allocations[index].start / SECTOR;
  for (uint64_t sector = first; sector <= last; sector++)
    if (!(__atomic_load_n(&state[sector], __ATOMIC_RELAXED) & what))
      __atomic_fetch_or(&state[sector], what, __ATOMIC_RELAXED);
  return (uint32_t)(last - first + 1);
}

/* Any request: distinct sectors of global memory, lane by lane. An access never straddles two: it is aligned. */
static uint32_t count_lanes(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t space, uint8_t what) {
  uint64_t sectors[LANES], highest = 0;
  uint32_t found = 0;
  for (uint32_t lane = 0; lane < LANES; lane++) {
    uint64_t address = warp->addresses[lane], sector = address / SECTOR;
    if (!(mask >> lane & 1) || (found && sector == sectors[found - 1])) continue;
    if (!is_global(warp, space, address)) continue;
    uint32_t known = sector > highest ? 0 : found; /* ascending addresses need no search */
    while (known > 0 && sectors[known - 1] != sector) known--;
    if (known) continue;
    if (sector > highest) highest = sector;
    sectors[found++] = sector;
    touch(warp->launch, address, bytes, what);
  }
  return found;
}

static void count(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint8_t what) {
  uint32_t space = warp->launch->site[site].space;
  uint32_t found = count_piece(warp, mask, bytes, space, what);
  if (found == 0) found = count_lanes(warp, mask, bytes, space, what);
  if (found == 0) return;
  if (what & READ) warp->traffic->load_requests++, warp->traffic->sectors_read += found;
  if (what & WRITTEN) warp->traffic->store_requests++, warp->traffic->sectors_written += found;
}

/* --- the helpers ------------------------------------------------------------------------------------------ */

static int enter(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint8_t what) {
  if (warp->launch->checked && check(warp, mask, bytes, site, (what & WRITTEN) != 0) != 0) return -1;
  if (warp->launch->counted) count(warp, mask, bytes, site, what);
  return 0;
}

/* A copy whose size the compiler knows. */
static inline void copy_lane(void *to, const void *from, uint32_t bytes) {
  switch (bytes) {
    case 1: memcpy(to, from, 1); break;
    case 2: memcpy(to, from, 2); break;
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    case 16: memcpy(to, from, 16); break;
    default: memcpy(to, from, 32); break;
  }
}

static int32_t load(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site) {
  if (enter(warp, mask, bytes, site, READ) != 0) return -1;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    copy_lane(warp->scratch + (size_t)lane * bytes, (const void *)(uintptr_t)warp->addresses[lane], bytes);
  }
  return 0;
}

static int32_t store(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site) {
  if (enter(warp, mask, bytes, site, WRITTEN) != 0) return -1;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    copy_lane((void *)(uintptr_t)warp->addresses[lane], warp->scratch + (size_t)lane * bytes, bytes);
  }
  return 0;
}

static int32_t trap(vgpu_warp *warp, uint32_t mask, uint32_t kind, uint32_t line) {
  uint32_t lane = mask ? (uint32_t)__builtin_ctz(mask) : 0;
  vgpu_record_fault(warp, (vgpu_fault){.kind = (int32_t)kind, .line = line}, lane);
  return -1;
}

/* --- atomics: lanes in ascending order ---------------------------------------------------------------------- */

enum { ADD, MIN, MAX, AND, OR, XOR, EXCH, CAS, INC, DEC };
enum { U32, S32, U64, S64, F32, F64 };

#define COMBINE()                                   \
  switch (operation) {                              \
    case ADD: return old + a;                       \
    case MIN: return a < old ? a : old;             \
    case MAX: return a > old ? a : old;             \
    case EXCH: return a;                            \
    case CAS: return old == b ? a : old;            \
    default: break;                                 \
  }

#define INTEGER_COMBINE                                       \
  switch (operation) {                                        \
    case AND: return old & a;                                 \
    case OR: return old | a;                                  \
    case XOR: return old ^ a;                                 \
    case INC: return old >= a ? 0 : old + 1;                  \
    case DEC: return old == 0 || old > a ? a : old - 1;       \
    default: return old;                                      \
  }

static uint32_t combine_u32(uint32_t operation, uint32_t old, uint32_t a, uint32_t b) { COMBINE() INTEGER_COMBINE }
static uint64_t combine_u64(uint32_t operation, uint64_t old, uint64_t a, uint64_t b) { COMBINE() INTEGER_COMBINE }
static int32_t signed_32(uint32_t operation, int32_t old, int32_t a, int32_t b) { COMBINE() return old; }
static int64_t signed_64(uint32_t operation, int64_t old, int64_t a, int64_t b) { COMBINE() return old; }
static float combine_f32(uint32_t operation, float old, float a, float b) { COMBINE() return old; }
static float flushed(float x) { return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0, x) : x; }

/* PTX ISA, atom: on global memory FP32 sums flush subnormal numbers, on shared memory they do not. */
static float global_f32(uint32_t operation, float old, float a, float b) {
  return operation == ADD ? flushed(flushed(old) + flushed(a)) : combine_f32(operation, old, a, b);
}
static double combine_f64(uint32_t operation, double old, double a, double b) { COMBINE() return old; }

/* min and max are the only operations that see a sign */
static uint32_t combine_s32(uint32_t operation, uint32_t old, uint32_t a, uint32_t b) {
  if (operation == MIN || operation == MAX) return (uint32_t)signed_32(operation, (int32_t)old, (int32_t)a, (int32_t)b);
  return combine_u32(operation, old, a, b);
}
static uint64_t combine_s64(uint32_t operation, uint64_t old, uint64_t a, uint64_t b) {
  if (operation == MIN || operation == MAX) return (uint64_t)signed_64(operation, (int64_t)old, (int64_t)a, (int64_t)b);
  return combine_u64(operation, old, a, b);
}

#define UPDATE(T, BITS, COMBINED)                                                                            \
  do {                                                                                                       \
    T a, b, old, new;                                                                                        \
    BITS *place = (BITS *)(uintptr_t)warp->addresses[lane], seen = __atomic_load_n(place, __ATOMIC_RELAXED), \
         wanted;                                                                                             \
    memcpy(&a, warp->operand_a + lane * sizeof a, sizeof a);                                                 \
    memcpy(&b, warp->operand_b + lane * sizeof b, sizeof b);                                                 \
    do {                                                                                                     \
      memcpy(&old, &seen, sizeof old);                                                                       \
      new = COMBINED(op, old, a, b);                                                                         \
      memcpy(&wanted, &new, sizeof new);                                                                     \
    } while (!__atomic_compare_exchange_n(place, &seen, wanted, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));     \
    memcpy(warp->scratch + lane * sizeof seen, &seen, sizeof seen);                                          \
  } while (0)

typedef uint32_t __attribute__((may_alias)) word;

/* Most atomics of most kernels: one addition a lane. Shared memory is seen by one worker only. */
static void add_u32(vgpu_warp *warp, uint32_t mask, uint32_t space) {
  const word *a = (const word *)warp->operand_a;
  word *old = (word *)warp->scratch;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    uint32_t *place = (uint32_t *)(uintptr_t)warp->addresses[lane];
    if (space == SHARED) {
      old[lane] = *place;
      *place += a[lane];
    } else {
      old[lane] = __atomic_fetch_add(place, a[lane], __ATOMIC_SEQ_CST);
    }
  }
}

static int32_t atomic(vgpu_warp *warp, uint32_t mask, uint32_t operation, uint32_t bytes, uint32_t site) {
  uint32_t op = operation & 255, type = operation >> 8;
  if (enter(warp, mask, bytes, site, READ | WRITTEN) != 0) return -1;
  warp->traffic->atomics++;
  if (op == ADD && type <= S32) {
    add_u32(warp, mask, warp->launch->site[site].space);
    return 0;
  }
  for (uint32_t left = mask; left; left &= left - 1) {
    size_t lane = (size_t)__builtin_ctz(left);
    switch (type) {
      case U32: UPDATE(uint32_t, uint32_t, combine_u32); break;
      case S32: UPDATE(uint32_t, uint32_t, combine_s32); break;
      case U64: UPDATE(uint64_t, uint64_t, combine_u64); break;
      case S64: UPDATE(uint64_t, uint64_t, combine_s64); break;
      case F32:
        if (is_global(warp, warp->launch->site[site].space, warp->addresses[lane])) UPDATE(float, uint32_t, global_f32);
        else UPDATE(float, uint32_t, combine_f32);
        break;
      case F64: UPDATE(double, uint64_t, combine_f64); break;
      default: return trap(warp, mask, FAULT_TRAP, warp->launch->site[site].line);
    }
  }
  return 0;
}

/* --- local memory of calls --------------------------------------------------------------------------------- */

/* Between two places of each lane's activation, whose start is in `addresses`. */
static int32_t copy(vgpu_warp *warp, uint32_t mask, uint32_t to, uint32_t from, uint32_t bytes) {
  for (uint32_t left = mask; left; left &= left - 1) {
    uint8_t *start = (uint8_t *)(uintptr_t)warp->addresses[__builtin_ctz(left)];
    memmove(start + to, start + from, bytes);
  }
  return 0;
}

const vgpu_helpers *vgpu_helper_table(void) {
  static const vgpu_helpers helpers = {
      load, store, atomic, trap, copy, vgpu_runtime, vgpu_matrix, vgpu_copy_async, vgpu_mbarrier, vgpu_packed_atomic,
      vgpu_directed};
  return &helpers;
}
