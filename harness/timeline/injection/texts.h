/* Texts, each kept once: what is added twice has one index. Not thread-safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct texts {
  char *text;
  uint64_t *ends;
  uint32_t *slots; /* open addressing; index + 1, 0: free */
  size_t count, bytes, room_for_bytes, room_for_ends, slot_count;
  size_t most; /* bytes of text that may be kept */
};

/* The index of a text; -1 where memory or `most` does not allow another one. */
int32_t texts_add(struct texts *texts, const char *text, size_t length);

const char *texts_get(const struct texts *texts, int32_t index, size_t *length);

void texts_free(struct texts *texts);
