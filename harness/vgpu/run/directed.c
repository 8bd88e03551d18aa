/* Arithmetic in the directed rounding modes: the CPU's own, with its rounding mode set.

   Operands of up to 32 lanes, 64 bits each (FP32 in the low 32), in `operand_a`, `operand_b` and `addresses`; results in
   `scratch`. */

#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "../layout.h"
#include "helpers.h"

enum { ADD, SUB, MUL, FMA, DIV, SQRT, RCP };
enum { LANES = 32 };

/* volatile: the compiler must not compute before the mode is set, or after it is set back */
#define COMPUTE(T)                                         \
  static T compute_##T(uint32_t operation, volatile T a, volatile T b, volatile T c) { \
    volatile T result = 0;                                 \
    switch (operation) {                                   \
      case ADD: result = a + b; break;                     \
      case SUB: result = a - b; break;                     \
      case MUL: result = a * b; break;                     \
      case FMA: result = FUSED_##T(a, b, c); break;        \
      case DIV: result = a / b; break;                     \
      case SQRT: result = ROOT_##T(a); break;              \
      default: result = (T)1 / a;                          \
    }                                                      \
    return result;                                         \
  }
#define FUSED_double fma
#define FUSED_float fmaf
#define ROOT_double sqrt
#define ROOT_float sqrtf
COMPUTE(double)
COMPUTE(float)

/* `code`: operation, rounding mode (rn, rz, rm, rp), lanes, 1 for FP64; a byte each from the lowest. */
int32_t vgpu_directed(vgpu_warp *warp, uint32_t code) {
  static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  uint32_t operation = code & 255, lanes = code >> 16 & 255;
  int before = fegetround();
  fesetround(modes[code >> 8 & 3]);
  for (uint32_t lane = 0; lane < lanes && lane < LANES; lane++) {
    uint8_t *result = warp->scratch + 8 * lane;
    const uint8_t *a = warp->operand_a + 8 * lane, *b = warp->operand_b + 8 * lane;
    const uint64_t *c = &warp->addresses[lane];
    if (code >> 24) {
      double x, y, z, value;
      memcpy(&x, a, 8), memcpy(&y, b, 8), memcpy(&z, c, 8);
      value = compute_double(operation, x, y, z);
      memcpy(result, &value, 8);
    } else {
      float x, y, z, value;
      memcpy(&x, a, 4), memcpy(&y, b, 4), memcpy(&z, c, 4);
      value = compute_float(operation, x, y, z);
      memset(result, 0, 8), memcpy(result, &value, 4);
    }
  }
  fesetround(before);
  return 0;
}
