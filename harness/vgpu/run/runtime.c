/* vprintf, __assertfail, malloc and free: what kernels call without bringing it along.

   Arguments lie in each lane's activation (`addresses`), at the offsets in `operand_b`: result, then arguments. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../layout.h"
#include "fault.h"
#include "runtime.h"

enum { VPRINTF, ASSERTFAIL, MALLOC, FREE };

static uint64_t argument(const vgpu_warp *warp, uint32_t lane, uint32_t number) {
  uint32_t place;
  uint64_t value;
  memcpy(&place, warp->operand_b + 4 * number, sizeof place);
  memcpy(&value, (const uint8_t *)(uintptr_t)warp->addresses[lane] + place, sizeof value);
  return value;
}

static void answer(const vgpu_warp *warp, uint32_t lane, const void *value, size_t size) {
  uint32_t place;
  memcpy(&place, warp->operand_b, sizeof place);
  memcpy((uint8_t *)(uintptr_t)warp->addresses[lane] + place, value, size);
}

static const char *text(uint64_t address) { return (const char *)(uintptr_t)address; }

/* --- printf: the format is walked here, each conversion is left to the C library ----------------------------- */

typedef struct {
  const uint8_t *at; /* the next argument; each is aligned to its size */
} arguments;

static uint64_t next(arguments *from, size_t size) {
  uint64_t value = 0;
  from->at = (const uint8_t *)(((uintptr_t)from->at + size - 1) & ~(uintptr_t)(size - 1));
  memcpy(&value, from->at, size);
  from->at += size;
  return value;
}

/* Copies one conversion ("%-5.*ld") to `piece`, stars replaced; returns the position behind it. */
static const char *conversion(const char *format, char *piece, size_t room, arguments *from, int *length) {
  size_t used = 1;
  *length = 0;
  piece[0] = *format++; /* the per cent sign */
  do {
    if (*format == '*') {
      used += (size_t)snprintf(piece + used, room - used, "%d", (int)next(from, 4));
      format++;
    } else {
      if (*format == 'l' || *format == 'z' || *format == 't' || *format == 'j') *length += 1;
      if (*format == 'h') *length -= 1;
      piece[used++] = *format++;
    }
  } while (*format && used + 16 < room && !strchr("diouxXeEfFgGaAcsp%", format[-1]));
  piece[used] = 0;
  return format;
}

static void print_one(const char *piece, int length, arguments *from) {
  char kind = piece[strlen(piece) - 1];
  char widened[96];
  double number;
  uint64_t bits;
  switch (kind) {
    case '%': fputc('%', stdout); return;
    case 's': printf(piece, text(next(from, 8))); return;
    case 'p': printf(piece, (void *)(uintptr_t)next(from, 8)); return;
    case 'c': printf(piece, (int)next(from, 4)); return;
    case 'd': case 'i': case 'o': case 'u': case 'x': case 'X':
      if (length > 0) printf(piece, next(from, 8));
      else printf(piece, (unsigned)next(from, 4));
      return;
    default:
      bits = next(from, 8);
      memcpy(&number, &bits, sizeof number);
      snprintf(widened, sizeof widened, "%s", piece);
      printf(widened, number);
  }
}

static int32_t print_formatted(const char *format, arguments from) {
  int32_t found = 0;
  while (*format) {
    if (*format != '%') {
      fputc(*format++, stdout);
      continue;
    }
    char piece[96];
    int length;
    format = conversion(format, piece, sizeof piece, &from, &length);
    if (strcmp(piece, "%%") != 0) found++;
    print_one(piece, length, &from);
  }
  return found;
}

/* --- malloc: a fixed heap, registered as one allocation, first fit ------------------------------------------- */

typedef struct hole {
  uint64_t size; /* with this header */
  struct hole *after;
} hole;

static struct {
  pthread_mutex_t lock;
  hole *holes;
} heap = {PTHREAD_MUTEX_INITIALIZER, NULL};

void vgpu_heap(uint8_t *start, uint64_t size) {
  heap.holes = (hole *)start;
  heap.holes->size = size;
  heap.holes->after = NULL;
}

static uint64_t take(uint64_t wanted) {
  uint64_t size = (wanted + 16 + 15) & ~(uint64_t)15, result = 0;
  pthread_mutex_lock(&heap.lock);
  for (hole **link = &heap.holes; *link; link = &(*link)->after) {
    hole *found = *link;
    if (found->size < size) continue;
    if (found->size >= size + 32) {
      hole *rest = (hole *)((uint8_t *)found + size);
      rest->size = found->size - size;
      rest->after = found->after;
      *link = rest;
    } else {
      size = found->size;
      *link = found->after;
    }
    found->size = size;
    result = (uint64_t)(uintptr_t)found + 16;
    break;
  }
  pthread_mutex_unlock(&heap.lock);
  return result;
}

static void give_back(uint64_t address) {
  if (address == 0) return;
  hole *freed = (hole *)(uintptr_t)(address - 16);
  pthread_mutex_lock(&heap.lock);
  hole **link = &heap.holes;
  while (*link && *link < freed) link = &(*link)->after;
  freed->after = *link;
  *link = freed;
  if (freed->after && (uint8_t *)freed + freed->size == (uint8_t *)freed->after) {
    freed->size += freed->after->size;
    freed->after = freed->after->after;
  }
  pthread_mutex_unlock(&heap.lock);
}

/* ---------------------------------------------------------------------------------------------------------- */

static int32_t fail(vgpu_warp *warp, uint32_t lane, uint32_t line) {
  vgpu_fault fault = {.kind = FAULT_ASSERTION, .line = line};
  snprintf(fault.message, sizeof fault.message, "%s:%u: %s: `%s`", text(argument(warp, lane, 1)),
           (unsigned)argument(warp, lane, 2), text(argument(warp, lane, 3)), text(argument(warp, lane, 0)));
  vgpu_record_fault(warp, fault, lane);
  return -1;
}

int32_t vgpu_runtime(vgpu_warp *warp, uint32_t mask, uint32_t function, uint32_t line) {
  for (uint32_t left = mask; left; left &= left - 1) {
    uint32_t lane = (uint32_t)__builtin_ctz(left);
    uint64_t address;
    int32_t count;
    switch (function) {
      case VPRINTF:
        count = print_formatted(text(argument(warp, lane, 1)),
                                (arguments){(const uint8_t *)(uintptr_t)argument(warp, lane, 2)});
        answer(warp, lane, &count, sizeof count);
        break;
      case MALLOC:
        address = take(argument(warp, lane, 1));
        answer(warp, lane, &address, sizeof address);
        break;
      case FREE: give_back(argument(warp, lane, 0)); break;
      default: return fail(warp, lane, line);
    }
  }
  if (function == VPRINTF) fflush(stdout);
  return 0;
}
