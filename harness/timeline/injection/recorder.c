/* The recorder: buffers a thread, the registry of names, and the snapshot that Python reads. */

#include "recorder.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "texts.h"

enum { FIRST_CHUNK = 4096, CHUNK = 65536, MOST_TEXT = 4096, MOST_NAMES = 65536 };
enum { MOST_REGISTERED = 16 << 20 };

struct chunk {
  struct chunk *next;
  size_t used, size; /* bytes of `data` */
  char data[];
};

struct thread {
  struct thread *next;
  atomic_flag lock;
  struct chunk *first, *last;
  uint64_t events, dropped, ranges;
  uint64_t number;
  int64_t native;
  pthread_t pthread;
  atomic_int ended;
};

atomic_int recorder_recording;
static atomic_long room; /* bytes that buffers may still take */
static _Atomic(const int64_t *) clock_cell;
static atomic_uint_fast64_t lost, thread_numbers;

static pthread_mutex_t threads_lock = PTHREAD_MUTEX_INITIALIZER;
static struct thread *threads;
static pthread_key_t thread_end;
static __thread struct thread *self;

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct texts registered = {.most = MOST_REGISTERED};
static struct name_row names[MOST_NAMES];
static uint32_t name_count, domain_count;

static void lock(struct thread *thread) {
  while (atomic_flag_test_and_set_explicit(&thread->lock, memory_order_acquire))
    sched_yield();
}

static void unlock(struct thread *thread) {
  atomic_flag_clear_explicit(&thread->lock, memory_order_release);
}

static int64_t now(void) {
  const int64_t *cell = atomic_load_explicit(&clock_cell, memory_order_relaxed);
  if (cell)
    return __atomic_load_n(cell, __ATOMIC_RELAXED);
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void thread_ended(void *thread) {
  self = NULL;
  atomic_store(&((struct thread *)thread)->ended, 1); /* from here on it may be freed */
}

/* A child has one thread, and records nothing before it asks for it. */
static void before_fork(void) {
  pthread_mutex_lock(&threads_lock);
  pthread_mutex_lock(&registry_lock);
}

static void after_fork(void) {
  pthread_mutex_unlock(&registry_lock);
  pthread_mutex_unlock(&threads_lock);
}

static void in_child(void) {
  atomic_store(&recorder_recording, 0);
  for (struct thread *thread = threads; thread; thread = thread->next) {
    atomic_flag_clear(&thread->lock);
    thread->first = thread->last = NULL; /* the parent has them */
    thread->events = thread->dropped = 0;
    thread->ended = thread != self;
  }
  if (self)
    self->native = syscall(SYS_gettid);
  after_fork();
}

__attribute__((constructor)) static void prepare(void) {
  pthread_key_create(&thread_end, thread_ended);
  pthread_atfork(before_fork, after_fork, in_child);
}

static struct thread *this_thread(void) { /* NULL where there is no memory */
  if (self)
    return self;
  struct thread *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->number = 1 + atomic_fetch_add(&thread_numbers, 1);
  made->native = syscall(SYS_gettid);
  made->pthread = pthread_self();
  pthread_mutex_lock(&threads_lock);
  made->next = threads;
  threads = made;
  pthread_mutex_unlock(&threads_lock);
  pthread_setspecific(thread_end, made);
  return self = made;
}

/* Room for `bytes` in the thread's buffer. A thread that has dropped one event drops all that follow: what it keeps is
 * a beginning without holes, whose ends belong to its starts. */
static char *place(struct thread *thread, size_t bytes) {
  if (thread->dropped)
    return NULL;
  struct chunk *chunk = thread->last;
  if (!chunk || chunk->used + bytes > chunk->size) {
    size_t size = chunk ? CHUNK : FIRST_CHUNK;
    if (size < bytes)
      size = CHUNK;
    long taken = (long)(sizeof *chunk + size);
    if (atomic_fetch_sub(&room, taken) < taken) {
      atomic_fetch_add(&room, taken);
      return NULL;
    }
    if (!(chunk = malloc(sizeof *chunk + size)))
      return NULL;
    *chunk = (struct chunk){.size = size};
    if (thread->last)
      thread->last->next = chunk;
    else
      thread->first = chunk;
    thread->last = chunk;
  }
  char *found = chunk->data + chunk->used;
  chunk->used += bytes;
  return found;
}

static size_t padded(size_t length) {
  return (length + 7) & ~(size_t)7;
}

void recorder_add(struct event *event, const char *text, size_t length) {
  if (!atomic_load_explicit(&recorder_recording, memory_order_acquire))
    return;
  int begins = event->kind == EVENT_PUSH || event->kind == EVENT_START;
  event->time = begins ? 0 : now();
  struct thread *thread = this_thread();
  if (!thread) {
    atomic_fetch_add(&lost, 1);
    return;
  }
  if (length > MOST_TEXT) {
    for (length = MOST_TEXT; length && (text[length] & 0xc0) == 0x80; length--)
      ; /* not inside of a character */
    event->cut = 1;
  }
  lock(thread);
  if (atomic_load_explicit(&recorder_recording, memory_order_relaxed)) {
    char *kept = place(thread, sizeof *event + padded(length));
    if (kept) {
      event->thread = (uint32_t)length;
      memcpy(kept, event, sizeof *event);
      if (length)
        memcpy(kept + sizeof *event, text, length);
      thread->events++;
      if (begins)
        ((struct event *)kept)->time = now();
    } else {
      thread->dropped++;
    }
  }
  unlock(thread);
}

uint64_t recorder_new_range(void) {
  struct thread *thread = atomic_load_explicit(&recorder_recording, memory_order_relaxed) ? this_thread() : NULL;
  return thread ? thread->number << 40 | ++thread->ranges : 0;
}

int32_t recorder_register(const char *text, size_t length) {
  pthread_mutex_lock(&registry_lock);
  int32_t index = texts_add(&registered, text, length);
  pthread_mutex_unlock(&registry_lock);
  if (index < 0)
    atomic_fetch_add(&lost, 1);
  return index;
}

static void add_name(uint32_t kind, uint32_t domain, uint32_t id, int32_t text) {
  for (uint32_t i = name_count; i-- > 0;)
    if (names[i].kind == kind && names[i].domain == domain && names[i].id == id) {
      names[i].text = text; /* named again */
      return;
    }
  if (name_count < MOST_NAMES)
    names[name_count++] = (struct name_row){kind, domain, id, text};
  else
    atomic_fetch_add(&lost, 1);
}

void recorder_name(uint32_t kind, uint32_t domain, uint32_t id, const char *name, size_t length) {
  int32_t text = recorder_register(name, length);
  if (text < 0)
    return;
  pthread_mutex_lock(&registry_lock);
  add_name(kind, domain, id, text);
  pthread_mutex_unlock(&registry_lock);
}

uint32_t recorder_domain(const char *name, size_t length) {
  int32_t text = recorder_register(name, length);
  pthread_mutex_lock(&registry_lock);
  uint32_t found = 0;
  for (uint32_t i = 0; i < name_count && text >= 0; i++)
    if (names[i].kind == NAME_DOMAIN && names[i].text == text)
      found = names[i].domain;
  if (!found) {
    found = ++domain_count;
    add_name(NAME_DOMAIN, found, 0, text);
  }
  pthread_mutex_unlock(&registry_lock);
  return found;
}

/* ---- what Python calls ---- */

/* 0: a recording goes on already. `clock` is read instead of CLOCK_REALTIME where it is given; ns. */
EXPORTED int fuseproof_nvtx_start(uint64_t bytes, const int64_t *clock) {
  pthread_mutex_lock(&threads_lock);
  int free_to_start = !atomic_load(&recorder_recording);
  if (free_to_start) {
    atomic_store(&room, (long)bytes);
    atomic_store(&clock_cell, clock);
    atomic_store(&lost, 0);
    atomic_store_explicit(&recorder_recording, 1, memory_order_release);
  }
  pthread_mutex_unlock(&threads_lock);
  return free_to_start;
}

EXPORTED int64_t fuseproof_nvtx_now(void) {
  return now();
}

/* The events of a thread, moved to the snapshot; the thread's buffer is empty afterwards. */
static void take(struct thread *thread, struct snapshot *into, struct texts *texts) {
  uint32_t number = (uint32_t)into->thread_count++;
  into->threads[number] = (struct thread_row){thread->native, (uint64_t)thread->pthread, thread->dropped};
  for (struct chunk *chunk = thread->first, *next; chunk; chunk = next) {
    for (size_t at = 0; at < chunk->used;) {
      struct event *event = &into->events[into->event_count];
      memcpy(event, chunk->data + at, sizeof *event);
      const char *text = chunk->data + at + sizeof *event;
      size_t length = event->thread;
      at += sizeof *event + padded(length);
      if (event->message >= (int32_t)registered.count)
        event->message = -1; /* no handle of ours */
      else if (event->message >= 0)
        text = texts_get(&registered, event->message, &length);
      if (event->message != -1)
        event->message = texts_add(texts, text, length);
      event->thread = number;
      into->event_count++;
    }
    next = chunk->next;
    free(chunk);
  }
  thread->first = thread->last = NULL;
  thread->events = thread->dropped = 0;
}

static void take_names(struct snapshot *into, struct texts *texts) {
  for (uint32_t i = 0; i < name_count; i++) {
    struct name_row *row = &into->names[into->name_count++];
    *row = names[i];
    if (row->text >= 0) {
      size_t length;
      const char *text = texts_get(&registered, row->text, &length);
      row->text = texts_add(texts, text, length);
    }
  }
}

static void forget_ended_threads(void) {
  for (struct thread **link = &threads; *link;) {
    struct thread *thread = *link;
    if (thread->ended) {
      *link = thread->next;
      free(thread);
    } else {
      link = &thread->next;
    }
  }
}

EXPORTED void fuseproof_nvtx_free(struct snapshot *snapshot) {
  if (!snapshot)
    return;
  free(snapshot->events);
  free(snapshot->threads);
  free(snapshot->names);
  free(snapshot->text);
  free(snapshot->ends);
  free(snapshot);
}

/* End the recording and hand out what it holds; NULL where there is no memory for it. */
EXPORTED struct snapshot *fuseproof_nvtx_stop(void) {
  atomic_store(&recorder_recording, 0);
  struct snapshot *made = calloc(1, sizeof *made);
  struct texts texts = {.most = SIZE_MAX};
  pthread_mutex_lock(&threads_lock);
  uint64_t events = 0, count = 0;
  for (struct thread *thread = threads; thread; thread = thread->next, count++) {
    lock(thread);
    events += thread->events;
    unlock(thread);
  }
  pthread_mutex_lock(&registry_lock);
  if (made) {
    made->events = malloc((events + 1) * sizeof *made->events);
    made->threads = malloc((count + 1) * sizeof *made->threads);
    made->names = malloc((name_count + 1) * sizeof *made->names);
  }
  if (made && made->events && made->threads && made->names) {
    for (struct thread *thread = threads; thread; thread = thread->next) {
      lock(thread);
      take(thread, made, &texts);
      unlock(thread);
    }
    take_names(made, &texts);
    made->lost = atomic_load(&lost);
    made->text = texts.text;
    made->ends = texts.ends;
    made->text_count = texts.count;
    free(texts.slots);
    forget_ended_threads();
  } else {
    fuseproof_nvtx_free(made);
    made = NULL;
  }
  pthread_mutex_unlock(&registry_lock);
  pthread_mutex_unlock(&threads_lock);
  return made;
}
