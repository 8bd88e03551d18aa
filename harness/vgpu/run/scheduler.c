/* The block scheduler: runs every block of a launch, warps in turn from barrier to barrier, blocks on all cores.

   Blocks are handed out in order, so that when one faults every earlier block still runs to its end and the
   fault that is reported is always that of the earliest block. */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler.h"
#include "fault.h"

enum { LANES = 32, FINISHED = 0, AT_BARRIER = 1, FAULTED = -1, POISON = 0xff, SHARED = 2 };

_Static_assert(sizeof(vgpu_warp) % 64 == 0, "warps stand side by side, each aligned for vectors");

/* Buffers of one worker thread; they grow and stay. */
typedef struct {
  vgpu_warp *warps;
  uint8_t *shared, *local, *frames;
  vgpu_range *ranges;
  uint64_t *executed;
  size_t warps_size, shared_size, local_size, frames_size, ranges_size, executed_size;
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

static void prepare_memory(const vgpu_launch *launch) {
  size_t warps = launch->warps;
  grow(&mine.warps, &mine.warps_size, warps * sizeof(vgpu_warp));
  grow(&mine.shared, &mine.shared_size, launch->shared_bytes);
  grow(&mine.local, &mine.local_size, warps * LANES * launch->local_bytes);
  grow(&mine.frames, &mine.frames_size, warps * launch->frame_bytes);
  grow(&mine.ranges, &mine.ranges_size, launch->sites * sizeof(vgpu_range));
  grow(&mine.executed, &mine.executed_size, launch->counted_blocks * sizeof(uint64_t));
  memset(mine.executed, 0, launch->counted_blocks * sizeof(uint64_t));
  for (uint32_t site = 0; site < launch->sites; site++) {
    vgpu_range everything = {0, UINT64_MAX}, nothing = {UINT64_MAX, 0};
    int watched = launch->checked || (launch->counted && launch->site[site].space != SHARED);
    mine.ranges[site] = watched ? nothing : everything;
  }
}

/* What stays the same for all blocks that this worker runs. */
static void prepare_warps(vgpu_launch *launch, vgpu_traffic *traffic) {
  uint32_t threads = launch->block[0] * launch->block[1] * launch->block[2];
  for (uint32_t w = 0; w < launch->warps; w++) {
    vgpu_warp *warp = &mine.warps[w];
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
    warp->launch = launch;
    warp->shared = mine.shared;
    warp->local = mine.local + (size_t)w * LANES * launch->local_bytes;
    warp->frame = mine.frames + (size_t)w * launch->frame_bytes;
    warp->range = mine.ranges;
    warp->executed = mine.executed;
    warp->traffic = traffic;
  }
}

static void begin_block(const vgpu_launch *launch, uint64_t block) {
  uint32_t ctaid[3] = {(uint32_t)(block % launch->grid[0]), (uint32_t)(block / launch->grid[0] % launch->grid[1]),
                       (uint32_t)(block / launch->grid[0] / launch->grid[1])};
  if (launch->checked && launch->shared_bytes) memset(mine.shared, POISON, launch->shared_bytes);
  for (uint32_t w = 0; w < launch->warps; w++) {
    vgpu_warp *warp = &mine.warps[w];
    memcpy(warp->pc, warp->first_pc, sizeof warp->pc);
    memcpy(warp->ctaid, ctaid, sizeof ctaid);
    warp->live = warp->whole;
    warp->waiting = warp->state = warp->done = warp->barrier_threads = 0;
    warp->barrier = -1;
    warp->block = block;
  }
}

/* Lets the warps of every complete barrier go on. Returns how many. */
static uint32_t release_barriers(const vgpu_launch *launch) {
  uint32_t released = 0;
  for (uint32_t w = 0; w < launch->warps; w++) {
    int32_t id = mine.warps[w].barrier;
    if (mine.warps[w].done || id < 0) continue;
    uint32_t expected = mine.warps[w].barrier_threads, arrived = 0, missing = 0;
    for (uint32_t other = 0; other < launch->warps; other++) {
      if (mine.warps[other].done) continue;
      if (mine.warps[other].barrier == id) arrived += LANES;
      else missing++;
    }
    if (expected ? arrived < expected : missing > 0) continue;
    for (uint32_t other = 0; other < launch->warps; other++) {
      if (mine.warps[other].done || mine.warps[other].barrier != id) continue;
      mine.warps[other].barrier = -1;
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

static void run_block(vgpu_launch *launch, uint64_t block) {
  begin_block(launch, block);
  for (uint32_t remaining = launch->warps;;) {
    for (uint32_t turn = 0; turn < launch->warps; turn++) {
      vgpu_warp *warp = &mine.warps[launch->reverse ? launch->warps - 1 - turn : turn];
      if (warp->done || warp->barrier >= 0) continue;
      int32_t outcome = launch->warp(warp);
      if (outcome == FAULTED) return;
      if (outcome == FINISHED) {
        warp->done = 1;
        remaining--;
      }
    }
    if (remaining == 0) return;
    if (release_barriers(launch) == 0) {
      for (uint32_t w = 0; w < launch->warps; w++) {
        if (mine.warps[w].done) continue;
        vgpu_record_fault(&mine.warps[w], (vgpu_fault){.kind = FAULT_BARRIER}, 0);
        return;
      }
    }
  }
}

static void run_share(vgpu_launch *launch) {
  vgpu_traffic traffic = {0};
  prepare_memory(launch);
  prepare_warps(launch, &traffic);
  while (!__atomic_load_n(&launch->failed, __ATOMIC_ACQUIRE)) {
    uint64_t turn = __atomic_fetch_add(&launch->next_block, 1, __ATOMIC_RELAXED);
    if (turn >= launch->blocks) break;
    run_block(launch, launch->reverse ? launch->blocks - 1 - turn : turn);
  }
  for (uint32_t block = 0; block < launch->counted_blocks; block++)
    __atomic_fetch_add(&launch->executed[block], mine.executed[block], __ATOMIC_RELAXED);
  __atomic_fetch_add(&launch->traffic.load_requests, traffic.load_requests, __ATOMIC_RELAXED);
  __atomic_fetch_add(&launch->traffic.store_requests, traffic.store_requests, __ATOMIC_RELAXED);
  __atomic_fetch_add(&launch->traffic.sectors_read, traffic.sectors_read, __ATOMIC_RELAXED);
  __atomic_fetch_add(&launch->traffic.sectors_written, traffic.sectors_written, __ATOMIC_RELAXED);
  __atomic_fetch_add(&launch->traffic.atomics, traffic.atomics, __ATOMIC_RELAXED);
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
