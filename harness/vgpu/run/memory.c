/* Memory accesses of a warp that the compiled code's fast path does not take: scattered or masked addresses, the
   first touch of an allocation, and every access of a counted block.

   In: host addresses of 32 lanes in `warp->addresses`. Data pass through `warp->scratch`, one lane after another. */

#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "fault.h"
#include "runtime.h"
#include "helpers.h"
#include "counting.h"
#include "windows.h"

enum { LANES = 32, GENERIC = 0, GLOBAL = 1, SHARED = 2, LOCAL = 3, CONST = 4, PARAM = 5 };

/* --- which allocation an address lies in ------------------------------------------------------------------ */

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
  if (space == SHARED && warp->launch->resident > 1) return 0; /* each block has its own window */
  if (one_range && range.end && !warp->counted && space != GENERIC && space != LOCAL) warp->range[site] = range;
  return 0;
}

static int is_global(const vgpu_warp *warp, uint32_t space, uint64_t address) {
  if (space == GLOBAL) return 1;
  return space == GENERIC && !inside(shared_window(warp), address, 1) && !inside(local_window(warp), address, 1) &&
         !inside(parameter_window(warp), address, 1);
}

/* --- the helpers ------------------------------------------------------------------------------------------ */

int vgpu_check_access(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t write) {
  return warp->launch->checked ? check(warp, mask, bytes, site, write) : 0;
}

int vgpu_enter(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t write) {
  if (warp->launch->checked && check(warp, mask, bytes, site, write) != 0) return -1;
  if (warp->counted) vgpu_count_request(warp, mask, bytes, site, 0);
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
  if (vgpu_enter(warp, mask, bytes, site, 0) != 0) return -1;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    copy_lane(warp->scratch + (size_t)lane * bytes, (const void *)(uintptr_t)warp->addresses[lane], bytes);
  }
  return 0;
}

static int32_t store(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site) {
  if (vgpu_enter(warp, mask, bytes, site, 1) != 0) return -1;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    copy_lane((void *)(uintptr_t)warp->addresses[lane], warp->scratch + (size_t)lane * bytes, bytes);
  }
  return 0;
}

static int32_t counted_load(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t whole) {
  if (!whole) return load(warp, mask, bytes, site);
  if (vgpu_check_access(warp, mask, bytes, site, 0) != 0) return -1;
  vgpu_count_request(warp, mask, bytes, site, whole);
  memcpy(warp->scratch, (const void *)(uintptr_t)warp->addresses[0], (size_t)LANES * bytes);
  return 0;
}

static int32_t counted_store(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t site, uint32_t whole) {
  if (!whole) return store(warp, mask, bytes, site);
  if (vgpu_check_access(warp, mask, bytes, site, 1) != 0) return -1;
  vgpu_count_request(warp, mask, bytes, site, whole);
  memcpy((void *)(uintptr_t)warp->addresses[0], warp->scratch, (size_t)LANES * bytes);
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
  if (vgpu_enter(warp, mask, bytes, site, 1) != 0) return -1;
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
      vgpu_directed, counted_load, counted_store};
  return &helpers;
}
