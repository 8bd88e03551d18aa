/* atom and red of f16, bf16, their pairs and vectors, of FP32 vectors, and of 16 and 128 bits.

   Each element is updated atomically for itself, as PTX says; 128 bits under one lock of the process. */

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "helpers.h"

enum { ADD, MIN, MAX, AND, OR, XOR, EXCH, CAS };
enum { F16, BF16, F32, B16, B128 };
enum { NAN_16 = 0x7fff };

static float bits_to_single(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t single_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float widen(uint32_t type, uint16_t bits) {
  if (type == BF16) return bits_to_single((uint32_t)bits << 16);
  uint32_t exponent = bits >> 10 & 31, fraction = bits & 0x3ff, sign = (uint32_t)(bits >> 15) << 31;
  if (exponent == 31) return bits_to_single(sign | 0x7f800000 | fraction << 13);
  float size = exponent ? ldexpf((float)(fraction | 0x400), (int)exponent - 25) : ldexpf((float)fraction, -24);
  return bits_to_single(single_to_bits(size) | sign);
}

/* To nearest even; NaN becomes the canonical one. */
static uint16_t narrow(uint32_t type, float value) {
  uint32_t bits = single_to_bits(value);
  if (value != value) return NAN_16;
  if (type == BF16) return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  float size = fabsf(value);
  if (size >= 65520.0f) return sign | 0x7c00;
  if (size < 0x1p-14f) return sign | (uint16_t)rintf(size * 0x1p24f); /* steps of 2^-24; 1024 is the first normal */
  uint32_t magnitude = single_to_bits(size), rest = magnitude - (112u << 23);
  return sign | (uint16_t)((rest + 0xfff + (rest >> 13 & 1)) >> 13);
}

/* A NaN gives way to a number; -0 is less than +0. */
static float extreme(uint32_t operation, float a, float b) {
  if (a != a) return b;
  if (b != b) return a;
  if (a == b) return (signbit(a) != 0) == (operation == MIN) ? a : b;
  return (a < b) == (operation == MIN) ? a : b;
}

static uint16_t combine_16(uint32_t operation, uint32_t type, uint16_t old, uint16_t a, uint16_t expected) {
  if (operation == EXCH) return a;
  if (operation == CAS) return old == expected ? a : old;
  float x = widen(type, old), y = widen(type, a);
  return narrow(type, operation == ADD ? x + y : extreme(operation, x, y));
}

static void update_16(uint32_t operation, uint32_t type, uint16_t *place, uint16_t a, uint16_t expected, uint16_t *old) {
  *old = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(place, old, combine_16(operation, type, *old, a, expected), 0, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED)) {
  }
}

static void update_f32(uint32_t *place, float a, uint32_t *old) {
  *old = __atomic_load_n(place, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(place, old, single_to_bits(bits_to_single(*old) + a), 0, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED)) {
  }
}

static void update_128(uint32_t operation, void *place, const void *a, const void *expected, void *old) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  memcpy(old, place, 16);
  if (operation == EXCH || memcmp(old, expected, 16) == 0) memcpy(place, a, 16);
  pthread_mutex_unlock(&lock);
}

int32_t vgpu_packed_atomic(vgpu_warp *warp, uint32_t mask, uint32_t operation, uint32_t bytes, uint32_t site) {
  uint32_t op = operation & 255, type = operation >> 8 & 255, count = operation >> 16 & 255;
  if (vgpu_enter(warp, mask, bytes, site, 1) != 0) return -1;
  for (uint32_t left = mask; left; left &= left - 1) {
    size_t first = (size_t)__builtin_ctz(left) * bytes, size = bytes / count;
    for (uint32_t i = 0; i < count; i++) {
      size_t at = first + i * size;
      uint8_t *place = (uint8_t *)(uintptr_t)warp->addresses[first / bytes] + i * size, *old = warp->scratch + at;
      const uint8_t *a = warp->operand_a + at, *expected = warp->operand_b + at;
      uint16_t a_16, expected_16, old_16;
      uint32_t old_32;
      float a_32;
      switch (type) {
        case B128: update_128(op, place, a, expected, old); break;
        case F32:
          memcpy(&a_32, a, sizeof a_32);
          update_f32((uint32_t *)(void *)place, a_32, &old_32);
          memcpy(old, &old_32, sizeof old_32);
          break;
        default:
          memcpy(&a_16, a, sizeof a_16);
          memcpy(&expected_16, expected, sizeof expected_16);
          update_16(op, type, (uint16_t *)(void *)place, a_16, expected_16, &old_16);
          memcpy(old, &old_16, sizeof old_16);
      }
    }
  }
  return 0;
}
