/* The recorder: events of all threads, in memory of bounded size, and the names that they use.
 *
 * Nothing is recorded until recorder_start. A thread writes into its own buffer under its own lock, which nobody else
 * takes while recording goes on; strings, domains and names go into one registry under one lock and outlive recordings.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

#define EXPORTED __attribute__((visibility("default")))

enum { EVENT_PUSH, EVENT_POP, EVENT_START, EVENT_END, EVENT_MARK };
enum { NAME_DOMAIN, NAME_CATEGORY, NAME_THREAD };

extern atomic_int recorder_recording;

static inline int recorder_is_on(void) {
  return atomic_load_explicit(&recorder_recording, memory_order_acquire);
}

/* Append an event whose message is `text`, or event->message where `text` is NULL. Nothing happens while no recording
 * goes on. Beginnings are stamped last and ends first, so that the recorder's own time lies outside of ranges. */
void recorder_add(struct event *event, const char *text, size_t length);

/* An id that no other range has; 0 while nothing records. */
uint64_t recorder_new_range(void);

/* The index of a text that events and names refer to; -1 where there is no room. */
int32_t recorder_register(const char *text, size_t length);

/* The number of a domain, the same for the same name; from 1 on. */
uint32_t recorder_domain(const char *name, size_t length);

void recorder_name(uint32_t kind, uint32_t domain, uint32_t id, const char *name, size_t length);
