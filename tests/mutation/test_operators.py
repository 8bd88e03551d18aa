"""What each mutation operator makes of a statement."""

import pytest

from harness.mutation.operators import OPERATORS
from tests.mutation.sources import changed_lines, kernel, mutants

MADE = {
    ("arithmetic", "out[0] = x[0] + x[1];"): ["out[0] = x[0] - x[1];"],
    ("arithmetic", "n *= 2;"): ["n /= 2;", "n = 2;"],
    ("relational", "out[0] = n < 3;"): ["out[0] = n <= 3;", "out[0] = n >= 3;"],
    ("relational", "out[0] = n == 3;"): ["out[0] = n != 3;"],
    ("logical", "out[0] = n && out;"): ["out[0] = n || out;"],
    ("dropped-operand", "out[0] = x[0] - n;"): ["out[0] = x[0];", "out[0] = (-n);"],
    ("dropped-operand", "out[0] = n % 3;"): ["out[0] = n;"],
    ("dropped-sign", "out[0] = -x[0];"): ["out[0] = x[0];"],
    ("swapped-operands", "out[0] = n - 3;"): ["out[0] = (3) - (n);"],
    ("swapped-operands", "n = row * cols + col;"): ["n = (col) * cols + row;"],
    ("swapped-arguments", "out[0] = f(n, 3, 3);"): ["out[0] = f(3, n, 3);"],
    ("swapped-arguments", "out[0] = fmaxf(x[0], x[1]);"): [],
    ("subscript", "out[n] = 0;"): ["out[(n) + 1] = 0;"],
    ("intrinsic", "out[0] = rsqrtf(x[0]);"): ["out[0] = sqrtf(x[0]);"],
    ("constant", "n = 0;"): ["n = 1;"],
    ("constant", "n = 0x10;"): ["n = 0x11;", "n = 0xf;"],
    ("constant", "out[n] = 0.5f;"): ["out[n] = 0.5005f;"],
    ("constant", "out[n] = 1.0f;"): ["out[n] = 0.0f;", "out[n] = 1.001f;"],
    ("constant", "out[n] = true;"): ["out[n] = false;"],
    ("identity", "out[n] = -INFINITY;"): ["out[n] = 0.0f;", "out[n] = -1e4f;"],
    ("identity", "out[n] = __int_as_float(0xff800000);"): ["out[n] = 0.0f;", "out[n] = -1e4f;"],
    ("narrowed-index", "long long at = n;"): ["int at = n;"],
    ("narrowed-float", "float sum = x[0];"): ["float sum = __half2float(__float2half_rn(x[0]));"],
    ("narrowed-float", "float sum = 0.0f; sum += x[0];"): [
        "float sum = 0.0f; sum = __half2float(__float2half_rn(sum + (x[0])));"
    ],
    ("narrowed-float", "int sum = n; sum += n;"): [],
    ("removed-statement", "f(n);"): [";"],
    ("removed-statement", "return;"): [";"],
    ("removed-statement", "__syncthreads();"): [],
    ("barrier", "__syncthreads();"): [";"],
    ("barrier", "__syncwarp(0xff);"): [";"],
    ("guard", "if (n) f(n);"): ["if (true) f(n);", "if (false) f(n);", "if (!(n)) f(n);"],
    ("guard", "if constexpr (N) f(n);"): [],
    ("chosen", "n = x ? 1 : 2;"): ["n = (1);", "n = (2);", "n = !(x) ? 1 : 2;"],
    ("loop", "for (int i = n; i < 9; i += 4) f(i);"): [
        "for (int i = n; false; i += 4) f(i);",
        "for (int i = n; i < (9) - 1; i += 4) f(i);",
        "for (int i = n; (i) + (4) <= (9); i += 4) f(i);",
        "for (int i = n; i < 9; i += 2 * (4)) f(i);",
        "for (int i = (n) + (4); i < 9; i += 4) f(i);",
    ],
    ("loop", "for (int i = 9; i > 0; i /= 2) f(i);"): [
        "for (int i = 9; false; i /= 2) f(i);",
        "for (int i = 9; i > (0) - 1; i /= 2) f(i);",
    ],
    ("component", "n = threadIdx.x;"): ["n = threadIdx.y;"],
    ("shuffle", "n = __shfl_xor_sync(m, n, 4);"): [
        "n = __shfl_down_sync(m, n, 4);",
        "n = __shfl_xor_sync(0xffffu, n, 4);",
        "n = n;",
        "n = __shfl_xor_sync(m, n, (4) + 1);",
        "n = __shfl_xor_sync(m, n, (4) / 2);",
        "n = __shfl_xor_sync(m, n, 4, 16);",
    ],
    ("shuffle", "n = __shfl_up_sync(m, n, 4, w);"): [
        "n = __shfl_down_sync(m, n, 4, w);",
        "n = __shfl_up_sync(0xffffu, n, 4, w);",
        "n = n;",
        "n = __shfl_up_sync(m, n, (4) + 1, w);",
        "n = __shfl_up_sync(m, n, (4) / 2, w);",
        "n = __shfl_up_sync(m, n, 4, (w) / 2);",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("operator", "statement"), MADE, ids=lambda value: value)
def test_an_operator_makes_these_mistakes(operator, statement, tmp_path):
    made = [changed_lines(mutant) for mutant in mutants(tmp_path, kernel(statement), operator)]
    assert sorted(made) == sorted([line] for line in MADE[operator, statement])


def test_every_operator_is_tested():
    assert {operator.name for operator in OPERATORS} == {operator for operator, _ in MADE}


@pytest.mark.parametrize(
    "content",
    [
        "// 1 + 2\n",
        '#include "vector2.cuh"\n',
        "#pragma unroll 4\n",
        "__global__ void __launch_bounds__(256) k(float* out);\n",
        "static_assert(sizeof(float) == 4);\n",
    ],
)
def test_what_computes_nothing_is_left_alone(content, tmp_path):
    assert mutants(tmp_path, content) == []
