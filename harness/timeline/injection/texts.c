/* Texts, each kept once: a hash table with open addressing over one growing buffer. */

#include "texts.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash(const char *text, size_t length) { /* FNV-1a */
  uint32_t value = 2166136261u;
  for (size_t i = 0; i < length; i++)
    value = (value ^ (uint8_t)text[i]) * 16777619u;
  return value;
}

const char *texts_get(const struct texts *texts, int32_t index, size_t *length) {
  uint64_t start = index ? texts->ends[index - 1] : 0;
  *length = texts->ends[index] - start;
  return texts->text + start;
}

static uint32_t *slot_of(const struct texts *texts, const char *text, size_t length) {
  for (size_t at = hash(text, length);; at++) {
    uint32_t *slot = &texts->slots[at & (texts->slot_count - 1)];
    if (!*slot)
      return slot;
    size_t kept;
    const char *other = texts_get(texts, (int32_t)(*slot - 1), &kept);
    if (kept == length && !memcmp(other, text, length))
      return slot;
  }
}

static int grow_slots(struct texts *texts) {
  struct texts wider = *texts;
  wider.slot_count = texts->slot_count ? 2 * texts->slot_count : 256;
  wider.slots = calloc(wider.slot_count, sizeof *wider.slots);
  if (!wider.slots)
    return 0;
  for (size_t i = 0; i < texts->count; i++) {
    size_t length;
    const char *text = texts_get(texts, (int32_t)i, &length);
    *slot_of(&wider, text, length) = (uint32_t)i + 1;
  }
  free(texts->slots);
  *texts = wider;
  return 1;
}

static void *grown(void *array, size_t *room, size_t needed, size_t size) { /* NULL where there is no memory */
  if (needed <= *room)
    return array;
  size_t wider = *room ? *room : 256;
  while (wider < needed)
    wider *= 2;
  void *moved = realloc(array, wider * size);
  if (moved)
    *room = wider;
  return moved;
}

int32_t texts_add(struct texts *texts, const char *text, size_t length) {
  if (2 * (texts->count + 1) > texts->slot_count && !grow_slots(texts))
    return -1;
  uint32_t *slot = slot_of(texts, text, length);
  if (*slot)
    return (int32_t)(*slot - 1);
  if (texts->bytes + length > texts->most || texts->count >= INT32_MAX - 1)
    return -1;
  char *bytes = grown(texts->text, &texts->room_for_bytes, texts->bytes + length + 1, 1);
  if (!bytes)
    return -1;
  texts->text = bytes;
  uint64_t *ends = grown(texts->ends, &texts->room_for_ends, texts->count + 1, sizeof *ends);
  if (!ends)
    return -1;
  texts->ends = ends;
  memcpy(texts->text + texts->bytes, text, length);
  texts->bytes += length;
  texts->ends[texts->count++] = texts->bytes;
  *slot = (uint32_t)texts->count;
  return (int32_t)texts->count - 1;
}

void texts_free(struct texts *texts) {
  free(texts->text);
  free(texts->ends);
  free(texts->slots);
  memset(texts, 0, sizeof *texts);
}
