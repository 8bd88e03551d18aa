/* The block scheduler: runs every block of a launch, warps in turn from barrier to barrier, blocks on all cores.

   Blocks are handed out in order, so that when one faults every earlier block still runs to its end and the
   fault that is reported is always that of the earliest block. */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../layout.h"
#include "counting.h"
#include "fault.h"

enum { LANES = 32, FINISHED = 0, AT_BARRIER = 1, PAUSED = 2, FAULTED = -1, SHARED = 2, BARRIERS = 16 };
enum { POISON = 0xff, OTHER_POISON = 0x6b };

_Static_assert(sizeof(vgpu_warp) % 64 == 0, "warps stand side by side, each aligned for vectors");

/* A block that a worker runs: its warps and memory. */
typedef struct {
  vgpu_warp *warps;
  uint8_t *shared, *local, *frames;
  vgpu_node_count *node_counts; /* of each warp; all 0 between its runs */
  vgpu_l1 *l1;
  size_t warps_size, shared_size, local_size, frames_size, node_counts_size;
  uint32_t arrivals[BARRIERS]; /* lanes that came to a barrier by bar.arrive */
  uint32_t remaining; /* warps that have not finished; 0: free for the next block */
} resident;

/* Buffers of one worker thread; they grow and stay. */
typedef struct {
  resident *residents;
  vgpu_range *ranges;
  vgpu_node_count *node_counts;
  vgpu_site_count *site_counts;
  vgpu_path longest;
  size_t residents_size, ranges_size, node_counts_size, site_counts_size;
  uint32_t made;
} worker_memory;

static __thread worker_memory mine;

static void grow(void *buffer, size_t *size, size_t wanted) {
  void **slot = buffer;
  if (*size >= wanted && *slot) return;
  free(*slot);
  size_t rounded = (wanted + 4095) & ~(size_t)4095;
  if (rounded == 0) rounded = 4096;
  *slot = aligned_alloc(64, rounded);
  *size = rounded;
  if (!*slot) abort();
}

/* Room for the descriptions of `count` blocks; those that exist keep their buffers. */
static void grow_residents(uint32_t count) {
  if (count <= mine.made) return;
  mine.residents = realloc(mine.residents, count * sizeof(resident));
  if (!mine.residents) abort();
  memset(mine.residents + mine.made, 0, (count - mine.made) * sizeof(resident));
  mine.made = count;
}

/* What stays the same for all blocks that run in this place. */
static void prepare_warps(vgpu_launch *launch, resident *block) {
  uint32_t threads = launch->block[0] * launch->block[1] * launch->block[2];
  for (uint32_t w = 0; w < launch->warps; w++) {
    vgpu_warp *warp = &block->warps[w];
    warp->whole = 0;
    for (uint32_t lane = 0; lane < LANES; lane++) {
      uint32_t thread = w * LANES + lane;
      warp->tid_x[lane] = thread % launch->block[0];
      warp->tid_y[lane] = thread / launch->block[0] % launch->block[1];
      warp->tid_z[lane] = thread / launch->block[0] / launch->block[1];
      if (thread < threads) warp->whole |= 1u << lane;
      warp->first_pc[lane] = thread < threads ? 0 : UINT32_MAX;
    }
    warp->index = w;
    warp->arrivals = block->arrivals;
    warp->launch = launch;
    warp->shared = block->shared;
    warp->local = block->local + (size_t)w * LANES * launch->local_bytes;
    warp->frame = block->frames + (size_t)w * launch->frame_bytes;
    warp->range = mine.ranges;
    warp->node_counts = block->node_counts + (size_t)w * launch->nodes;
    warp->site_counts = mine.site_counts;
    warp->l1 = block->l1;
  }
}

/* Zeros for what is counted. */
static void prepare_counts(const vgpu_launch *launch) {
  size_t nodes = launch->nodes * sizeof(vgpu_node_count), sites = launch->sites * sizeof(vgpu_site_count);
  grow(&mine.node_counts, &mine.node_counts_size, nodes);
  grow(&mine.site_counts, &mine.site_counts_size, sites);
  memset(mine.node_counts, 0, nodes);
  memset(mine.site_counts, 0, sites);
  mine.longest = (vgpu_path){0};
  for (uint32_t place = 0; place < launch->resident; place++) {
    resident *block = &mine.residents[place];
    grow(&block->node_counts, &block->node_counts_size, launch->warps * nodes);
    memset(block->node_counts, 0, launch->warps * nodes); /* a launch that failed leaves some */
    if (!block->l1) block->l1 = vgpu_l1_make();
  }
}

static void prepare_memory(vgpu_launch *launch) {
  size_t warps = launch->warps;
  grow(&mine.ranges, &mine.ranges_size, launch->sites * sizeof(vgpu_range));
  for (uint32_t site = 0; site < launch->sites; site++) {
    vgpu_range everything = {0, UINT64_MAX}, nothing = {UINT64_MAX, 0};
    mine.ranges[site] = launch->checked ? nothing : everything;
  }
  grow_residents(launch->resident);
  if (launch->counted) prepare_counts(launch);
  for (uint32_t place = 0; place < launch->resident; place++) {
    resident *block = &mine.residents[place];
    grow(&block->warps, &block->warps_size, warps * sizeof(vgpu_warp));
    grow(&block->shared, &block->shared_size, launch->shared_bytes);
    grow(&block->local, &block->local_size, warps * LANES * launch->local_bytes);
    grow(&block->frames, &block->frames_size, warps * launch->frame_bytes);
    block->remaining = 0;
    prepare_warps(launch, block);
  }
}

/* Whether this is one of the blocks that are counted: `sample` of all, as evenly spread as can be. */
static uint32_t is_counted(const vgpu_launch *launch, uint64_t block) {
  if (!launch->counted) return 0;
  unsigned __int128 before = (unsigned __int128)block * launch->sample / launch->blocks;
  return before != (unsigned __int128)(block + 1) * launch->sample / launch->blocks;
}

static void begin_block(const vgpu_launch *launch, resident *place, uint64_t block) {
  uint32_t ctaid[3] = {(uint32_t)(block % launch->grid[0]), (uint32_t)(block / launch->grid[0] % launch->grid[1]),
                       (uint32_t)(block / launch->grid[0] / launch->grid[1])};
  if (launch->checked && launch->shared_bytes) {
    /* two patterns in turn with the two orders: a maximum ignores the first, NaN, but not the second, 2.8e26 */
    memset(place->shared, launch->reverse ? OTHER_POISON : POISON, launch->shared_bytes);
  }
  uint32_t counted = is_counted(launch, block);
  if (counted) vgpu_l1_clear(place->l1);
  place->remaining = launch->warps;
  memset(place->arrivals, 0, sizeof place->arrivals);
  for (uint32_t w = 0; w < launch->warps; w++) {
    vgpu_warp *warp = &place->warps[w];
    memcpy(warp->pc, warp->first_pc, sizeof warp->pc);
    memset(warp->frame_at, 0, sizeof warp->frame_at);
    memcpy(warp->ctaid, ctaid, sizeof ctaid);
    warp->live = warp->whole;
    warp->waiting = warp->parked = warp->state = warp->done = warp->barrier_threads = warp->votes = 0;
    warp->barrier = -1;
    warp->paused_at = UINT32_MAX;
    warp->block = block;
    warp->clock_reads = 0;
    warp->counted = counted;
    warp->path = (vgpu_path){0};
  }
}

/* Whether all that a barrier expects are there: warps that stand at it, and lanes that came by without waiting. */
static int complete(const vgpu_launch *launch, const resident *block, int32_t id, uint32_t expected) {
  uint32_t arrived = block->arrivals[id], missing = 0;
  for (uint32_t w = 0; w < launch->warps; w++) {
    if (block->warps[w].done) continue;
    if (block->warps[w].barrier == id) arrived += LANES;
    else missing++;
  }
  return expected ? arrived >= expected : missing == 0;
}

/* The reduction of a bar.red over all threads that wait at it, for each of their warps. */
static void reduce_votes(const vgpu_launch *launch, resident *block, int32_t id) {
  uint32_t threads = 0, count = 0;
  for (uint32_t w = 0; w < launch->warps; w++) {
    const vgpu_warp *warp = &block->warps[w];
    if (warp->done || warp->barrier != id) continue;
    threads += (uint32_t)__builtin_popcount(warp->live);
    count += (uint32_t)__builtin_popcount(warp->votes);
  }
  for (uint32_t w = 0; w < launch->warps; w++) {
    vgpu_warp *warp = &block->warps[w];
    if (warp->done || warp->barrier != id) continue;
    warp->barrier_count = count;
    warp->barrier_all = count == threads;
    warp->barrier_any = count > 0;
    warp->votes = 0;
  }
}

/* The usual case: every warp of the block stands at the same barrier, which is for all. Returns how many go on. */
static uint32_t release_all(const vgpu_launch *launch, resident *block) {
  int32_t id = block->warps[0].barrier;
  uint32_t threads = 0, count = 0;
  if (id < 0 || block->arrivals[id]) return 0;
  for (uint32_t w = 0; w < launch->warps; w++) {
    const vgpu_warp *warp = &block->warps[w];
    if (warp->done || warp->barrier != id || warp->barrier_threads) return 0;
    threads += (uint32_t)__builtin_popcount(warp->live);
    count += (uint32_t)__builtin_popcount(warp->votes);
  }
  for (uint32_t w = 0; w < launch->warps; w++) {
    vgpu_warp *warp = &block->warps[w];
    warp->barrier = -1;
    warp->barrier_count = count;
    warp->barrier_all = count == threads;
    warp->barrier_any = count > 0;
    warp->votes = 0;
  }
  return launch->warps;
}

/* Lets the warps of every complete barrier go on. Returns how many. */
static uint32_t release_barriers(const vgpu_launch *launch, resident *block) {
  uint32_t released = release_all(launch, block);
  if (released) return released;
  for (uint32_t w = 0; w < launch->warps; w++) {
    int32_t id = block->warps[w].barrier;
    if (block->warps[w].done || id < 0) continue;
    if (!complete(launch, block, id, block->warps[w].barrier_threads)) continue;
    reduce_votes(launch, block, id);
    block->arrivals[id] = 0;
    for (uint32_t other = 0; other < launch->warps; other++) {
      if (block->warps[other].done || block->warps[other].barrier != id) continue;
      block->warps[other].barrier = -1;
      released++;
    }
  }
  return released;
}

static void record_fault(vgpu_launch *launch, const vgpu_fault *fault) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  int earlier = launch->reverse ? fault->block > launch->fault.block : fault->block < launch->fault.block;
  if (!launch->failed || earlier) launch->fault = *fault;
  __atomic_store_n(&launch->failed, 1, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&lock);
}

void vgpu_record_fault(vgpu_warp *warp, vgpu_fault fault, uint32_t lane) {
  fault.block = warp->block;
  memcpy(fault.ctaid, warp->ctaid, sizeof fault.ctaid);
  fault.tid[0] = warp->tid_x[lane];
  fault.tid[1] = warp->tid_y[lane];
  fault.tid[2] = warp->tid_z[lane];
  record_fault(warp->launch, &fault);
}

/* Every warp of the block once, each until it has to wait. Returns 0 once the block is over, by end or fault. */
static int run_round(vgpu_launch *launch, resident *block) {
  int paused = 0;
  for (uint32_t turn = 0; turn < launch->warps; turn++) {
    vgpu_warp *warp = &block->warps[launch->reverse ? launch->warps - 1 - turn : turn];
    if (warp->done || warp->barrier >= 0) continue;
    int32_t outcome = warp->counted ? launch->counting_warp(warp) : launch->warp(warp);
    if (outcome == FAULTED) {
      block->remaining = 0;
      return 0;
    }
    if (outcome == FINISHED) {
      if (warp->counted) vgpu_count_warp(warp, mine.node_counts, &mine.longest);
      warp->done = 1;
      block->remaining--;
    }
    if (outcome == PAUSED) paused = 1;
  }
  if (block->remaining == 0) return 0;
  if (release_barriers(launch, block) == 0 && !paused) {
    uint32_t stuck = 0;
    while (block->warps[stuck].done) stuck++;
    vgpu_record_fault(&block->warps[stuck], (vgpu_fault){.kind = FAULT_BARRIER}, 0);
    block->remaining = 0;
    return 0;
  }
  return 1;
}

/* Blocks that may wait for each other run in ascending order, whatever `reverse` says: an earlier one never waits
   for a later one that has no turn yet, unless all are resident. */
static uint64_t block_number(const vgpu_launch *launch, uint64_t turn) {
  return launch->reverse && !launch->spins ? launch->blocks - 1 - turn : turn;
}

static void run_blocks(vgpu_launch *launch) {
  uint32_t active = 0;
  int more = 1;
  while (more || active) {
    for (uint32_t place = 0; place < launch->resident; place++) {
      resident *block = &mine.residents[place];
      if (block->remaining == 0) {
        if (!more || __atomic_load_n(&launch->failed, __ATOMIC_ACQUIRE)) {
          more = 0;
          continue;
        }
        uint64_t turn = __atomic_fetch_add(&launch->next_block, 1, __ATOMIC_RELAXED);
        if (turn >= launch->blocks) {
          more = 0;
          continue;
        }
        uint64_t number = block_number(launch, turn);
        if (launch->alone && !is_counted(launch, number)) continue;
        begin_block(launch, block, number);
        active++;
      }
      while (run_round(launch, block)) {
        if (launch->resident > 1) break;
        if (launch->spins && __atomic_load_n(&launch->failed, __ATOMIC_ACQUIRE)) return; /* its partner is gone */
      }
      if (block->remaining == 0) active--;
    }
    if (launch->spins && __atomic_load_n(&launch->failed, __ATOMIC_ACQUIRE)) return;
  }
}

static void run_share(vgpu_launch *launch) {
  prepare_memory(launch);
  run_blocks(launch);
  if (launch->counted) vgpu_count_worker(launch, mine.node_counts, mine.site_counts, &mine.longest);
}

/* --- worker threads: started once, woken for each launch ------------------------------------------------ */

enum { MOST_WORKERS = 256 };

static struct {
  pthread_mutex_t lock, one_launch;
  pthread_cond_t wake, finished;
  vgpu_launch *launch;
  uint64_t generation;
  uint32_t started, wanted, running;
} pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER,
          NULL, 0, 0, 0, 0};

static void *work(void *number) {
  uint32_t me = (uint32_t)(uintptr_t)number;
  uint64_t seen = 0;
  pthread_mutex_lock(&pool.lock);
  for (;;) {
    while (pool.generation == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    seen = pool.generation;
    if (me >= pool.wanted) continue;
    vgpu_launch *launch = pool.launch;
    pthread_mutex_unlock(&pool.lock);
    run_share(launch);
    pthread_mutex_lock(&pool.lock);
    if (--pool.running == 0) pthread_cond_signal(&pool.finished);
  }
  return NULL;
}

static void forget_threads_after_fork(void) {
  pool.started = pool.running = 0;
  pthread_mutex_init(&pool.lock, NULL);
  pthread_mutex_init(&pool.one_launch, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pthread_cond_init(&pool.finished, NULL);
}

void vgpu_run(vgpu_launch *launch, uint32_t workers) {
  uint32_t helpers = workers > MOST_WORKERS ? MOST_WORKERS : workers;
  if (helpers > launch->blocks) helpers = (uint32_t)launch->blocks;
  if (helpers <= 1) {
    run_share(launch);
    return;
  }
  helpers -= 1; /* the caller works too */
  pthread_mutex_lock(&pool.one_launch);
  pthread_mutex_lock(&pool.lock);
  if (pool.started == 0) {
    static int registered = 0;
    if (!registered) registered = 1, pthread_atfork(NULL, NULL, forget_threads_after_fork);
  }
  while (pool.started < helpers) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, (void *)(uintptr_t)pool.started) != 0) break;
    pthread_detach(thread);
    pool.started++;
  }
  if (helpers > pool.started) helpers = pool.started;
  pool.launch = launch;
  pool.wanted = pool.running = helpers;
  pool.generation++;
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  run_share(launch);
  pthread_mutex_lock(&pool.lock);
  while (pool.running > 0) pthread_cond_wait(&pool.finished, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
  pthread_mutex_unlock(&pool.one_launch);
}
