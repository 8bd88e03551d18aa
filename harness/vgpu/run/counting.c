/* What counted blocks do: requests to global, shared and local memory, and the basic blocks that their warps run.

   In: accesses of a warp, by site. Out: counts of the site, by the definitions of docs/counters.md. Every figure is a
   sum or a maximum, so that it does not depend on which worker ran which block. */

#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "counting.h"
#include "windows.h"

enum { LANES = 32, SECTOR = 32, LINE = 128, LINE_SECTORS = 4, GENERIC = 0, GLOBAL = 1, SHARED = 2, LOCAL = 3 };
enum { LOAD = 1, STORE = 2, ATOMIC = 3, READ = 1, WRITTEN = 2 };

/* --- global memory ------------------------------------------------------------------------------------------ */

/* Note that this block touches sectors for the first time; `pattern` has a byte for each of up to four. */
static void note(uint32_t *states, uint32_t pattern) {
  uint32_t known = __atomic_load_n(states, __ATOMIC_RELAXED), again;
  if ((known & pattern) != pattern) known = __atomic_fetch_or(states, pattern, __ATOMIC_RELAXED);
  again = (known & pattern) << 2;
  if (~known & again) __atomic_fetch_or(states, again, __ATOMIC_RELAXED);
}

/* The allocation of the first byte of a sector that has one, or -1. */
static int64_t allocation_of_sector(const vgpu_launch *launch, uint64_t sector) {
  for (uint64_t at = sector * SECTOR; at < (sector + 1) * SECTOR; at++) {
    int64_t index = allocation_of(launch, at, 1);
    if (index >= 0) return index;
  }
  return -1;
}

/* The same for the footprint of the launch: sectors of one line, a bit each. */
static void leave_footprint(const vgpu_launch *launch, uint64_t line, uint32_t sectors, uint32_t what) {
  static const uint32_t bytes[16] = {0x00000000, 0x00000001, 0x00000100, 0x00000101, 0x00010000, 0x00010001,
                                     0x00010100, 0x00010101, 0x01000000, 0x01000001, 0x01000100, 0x01000101,
                                     0x01010000, 0x01010001, 0x01010100, 0x01010101};
  if (!launch->footprint) return;
  int64_t whole = allocation_of(launch, line * LINE, LINE);
  if (whole >= 0) {
    note(launch->footprint[whole] + (line - launch->allocations[whole].start / LINE), what * bytes[sectors]);
    return;
  }
  for (uint32_t left = sectors; left; left &= left - 1) {
    uint32_t within = (uint32_t)__builtin_ctz(left);
    int64_t index = allocation_of_sector(launch, line * LINE_SECTORS + within);
    if (index < 0) continue; /* nobody's: the launch is not checked */
    note(launch->footprint[index] + (line - launch->allocations[index].start / LINE), what << 8 * within);
  }
}

/* Sectors of one line, a bit each. Returns how many of them L2 has to serve. */
static uint32_t touch_line(vgpu_warp *warp, uint64_t line, uint32_t sectors, uint32_t what, int around_l1) {
  uint32_t fresh = vgpu_l1_touch(warp->l1, line, sectors, what);
  if (fresh) leave_footprint(warp->launch, line, fresh, what);
  return (uint32_t)__builtin_popcount(around_l1 || what == WRITTEN ? sectors : fresh);
}

/* All sectors from `first` to `last`. Returns how many L2 has to serve. */
static uint32_t touch_sectors(vgpu_warp *warp, uint64_t first, uint64_t last, uint32_t what, int around_l1) {
  uint32_t missed = 0;
  for (uint64_t line = first / LINE_SECTORS; line <= last / LINE_SECTORS; line++) {
    uint32_t low = line == first / LINE_SECTORS ? first % LINE_SECTORS : 0;
    uint32_t high = line == last / LINE_SECTORS ? last % LINE_SECTORS : LINE_SECTORS - 1;
    missed += touch_line(warp, line, (2u << high) - (1u << low), what, around_l1);
  }
  return missed;
}

/* An atomic reads and writes; L2 does both, in one request. */
static uint32_t touch(vgpu_warp *warp, uint64_t first, uint64_t last, const vgpu_site *site) {
  if (site->access != ATOMIC) return touch_sectors(warp, first, last, site->access, (int)site->around_l1);
  touch_sectors(warp, first, last, READ, 1);
  return touch_sectors(warp, first, last, WRITTEN, 1);
}

/* How many different addresses the lanes have. */
static uint32_t distinct(const uint64_t *addresses, uint32_t count) {
  uint32_t found = 0;
  for (uint32_t lane = 0; lane < count; lane++) {
    uint32_t again = 0;
    for (uint32_t other = 0; other < lane; other++) again |= addresses[other] == addresses[lane];
    found += !again;
  }
  return found;
}

/* Any request. An access of a lane never straddles two sectors: it is aligned, and 32 bytes at most. */
static void count_scattered(vgpu_warp *warp, uint32_t mask, uint32_t bytes, const vgpu_site *site,
                            vgpu_site_count *counts) {
  uint64_t sectors[LANES], addresses[LANES], highest = 0;
  uint32_t found = 0, lanes = 0, ascending = 1;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint64_t address = warp->addresses[__builtin_ctz(left)], sector = address / SECTOR;
    ascending &= lanes == 0 || address > addresses[lanes - 1];
    addresses[lanes++] = address;
    if (found && sector == sectors[found - 1]) continue;
    uint32_t known = sector > highest ? 0 : found; /* ascending addresses need no search */
    while (known > 0 && sectors[known - 1] != sector) known--;
    if (known) continue;
    if (sector > highest) highest = sector;
    sectors[found++] = sector;
    counts->missed_sectors += touch(warp, sector, sector, site);
  }
  counts->sectors += found;
  counts->ideal_sectors += ((ascending ? lanes : distinct(addresses, lanes)) * bytes + SECTOR - 1) / SECTOR;
}

static void count_global(vgpu_warp *warp, uint32_t mask, uint32_t bytes, const vgpu_site *site,
                         vgpu_site_count *counts, uint32_t whole) {
  counts->requests++;
  if (site->access != STORE) warp->path.load_requests++;
  if (!whole) {
    count_scattered(warp, mask, bytes, site, counts);
    return;
  }
  uint64_t start = warp->addresses[0], first = start / SECTOR, last = (start + (uint64_t)LANES * bytes - 1) / SECTOR;
  counts->sectors += last - first + 1;
  counts->ideal_sectors += bytes; /* 32 lanes */
  counts->missed_sectors += touch(warp, first, last, site);
}

/* --- local memory: the words of a lane's memory lie 32 apart, beside those of the other lanes ------------------ */

static void count_local(vgpu_warp *warp, uint32_t mask, uint32_t bytes, vgpu_site_count *counts) {
  enum { OCTETS = 4 }; /* a sector holds one word of eight lanes */
  uint64_t sectors[LANES * 8];
  uint32_t found = 0, size = warp->launch->local_bytes;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    uint64_t within = warp->addresses[lane] - (uint64_t)(uintptr_t)warp->local - (uint64_t)lane * size;
    for (uint64_t word = within / 4; word <= (within + bytes - 1) / 4; word++) {
      uint64_t sector = word * OCTETS + lane / 8;
      uint32_t known = found;
      while (known && sectors[known - 1] != sector) known--;
      if (!known) sectors[found++] = sector;
    }
  }
  counts->local_requests++;
  counts->local_sectors += found;
}

/* --- a request ------------------------------------------------------------------------------------------------ */

static void count_shared(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t access, vgpu_site_count *counts,
                         uint32_t whole) {
  vgpu_wavefronts found;
  if (whole) found.taken = found.ideal = bytes < 4 ? 1 : bytes / 4; /* 128 bytes a pass, each bank once */
  else found = vgpu_wavefronts_of(warp->addresses, (uint64_t)(uintptr_t)warp->shared, mask, bytes, access);
  counts->shared_requests++;
  counts->wavefronts += found.taken;
  counts->ideal_wavefronts += found.ideal;
  warp->path.shared_requests++;
}

static uint32_t lanes_inside(const vgpu_warp *warp, uint32_t mask, vgpu_range window) {
  uint32_t found = 0;
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    if (inside(window, warp->addresses[lane], 1)) found |= 1u << lane;
  }
  return found;
}

void vgpu_count_request(vgpu_warp *warp, uint32_t mask, uint32_t bytes, uint32_t number, uint32_t whole) {
  const vgpu_site *site = &warp->launch->site[number];
  vgpu_site_count *counts = &warp->site_counts[number];
  uint32_t global = site->space == GLOBAL ? mask : 0, shared = site->space == SHARED ? mask : 0;
  uint32_t local = site->space == LOCAL ? mask : 0;
  if (site->access == 0) return;
  if (site->space == GENERIC) {
    shared = lanes_inside(warp, mask, shared_window(warp));
    local = lanes_inside(warp, mask, local_window(warp));
    global = mask & ~shared & ~local & ~lanes_inside(warp, mask, parameter_window(warp));
  }
  if (global) count_global(warp, global, bytes, site, counts, whole && global == UINT32_MAX);
  if (shared) count_shared(warp, shared, bytes, site->access, counts, whole && shared == UINT32_MAX);
  if (local) count_local(warp, local, bytes, counts);
}

/* --- warps and workers ---------------------------------------------------------------------------------------- */

static int is_longer(const vgpu_path *path, const vgpu_path *than) {
  if (path->instructions != than->instructions) return path->instructions > than->instructions;
  if (path->block != than->block) return path->block < than->block;
  return path->warp < than->warp;
}

void vgpu_count_warp(vgpu_warp *warp, vgpu_node_count *nodes, vgpu_path *longest) {
  const vgpu_launch *launch = warp->launch;
  vgpu_path path = warp->path;
  for (uint32_t index = 0; index < launch->nodes; index++) {
    vgpu_node_count *count = &warp->node_counts[index];
    const vgpu_node *node = &launch->node[index];
    path.instructions += count->times * node->instructions;
    path.load_rounds += count->times * node->load_rounds;
    path.barriers += count->times * node->barriers;
    nodes[index].times += count->times;
    nodes[index].lanes += count->lanes;
    nodes[index].parted += count->parted;
  }
  memset(warp->node_counts, 0, launch->nodes * sizeof(vgpu_node_count));
  path.block = warp->block, path.warp = warp->index;
  if (is_longer(&path, longest)) *longest = path;
}

static void add(uint64_t *to, const uint64_t *from, uint64_t count) {
  for (uint64_t index = 0; index < count; index++) __atomic_fetch_add(&to[index], from[index], __ATOMIC_RELAXED);
}

void vgpu_count_worker(vgpu_launch *launch, const vgpu_node_count *nodes, const vgpu_site_count *sites,
                       const vgpu_path *longest) {
  static int lock;
  add((uint64_t *)launch->node_counts, (const uint64_t *)nodes, launch->nodes * sizeof *nodes / sizeof(uint64_t));
  add((uint64_t *)launch->site_counts, (const uint64_t *)sites, launch->sites * sizeof *sites / sizeof(uint64_t));
  while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) {}
  if (is_longer(longest, &launch->longest)) launch->longest = *longest;
  __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

void vgpu_count_states(const uint32_t *footprint, uint64_t lines, uint64_t *states) {
  const uint8_t *sectors = (const uint8_t *)footprint;
  for (uint64_t sector = 0; sector < lines * LINE_SECTORS; sector++) states[sectors[sector] & 15]++;
}
