"""Flow of control and memory of a thread: as irregular as C++ lets it be, lane by lane as Python computes it."""

import struct
from itertools import pairwise

import numpy as np

from tests.vgpu.programs.build import compiled

ALL = ("sm_75", "sm_80", "sm_90", "debug", "O0")


@compiled("switch_table", *ALL)
def test_a_dense_switch_takes_every_lane_to_its_case(program):
    cases, out = np.random.default_rng(1).integers(-1, 14, 200, dtype=np.int32), np.zeros(200, np.int32)
    program.launch("dense", 4, 64, out, cases, 200)

    def case(x, i):
        match x:
            case 0:
                r = i * 3
            case 1:
                r = (i ^ 0x55) + 7
            case 2:
                r = 8
            case 3:
                r = i // 3
            case 4:
                r = 1 + sum(k * k for k in range(i))
            case 5:
                r = -i
            case 6:
                return 6
            case 7:
                r = bin(i).count("1") * 5 - 2
            case 8:
                r = 3
            case 9:
                r = -1
            case 10:
                r = i << 3
            case 11:
                r = i % 11
            case _:
                r = -1
        return r * 2 + 1

    assert out.tolist() == [case(x, i) for i, x in enumerate(cases)]


@compiled("switch_table", "sm_80", "debug")
def test_lanes_interpret_different_programs(program):
    push, add, mul, swap, dup, jump_if, sub, dec, halt = range(9)
    factorial = [push, 1, swap, push, 1, add, dec, dup, push, -1, mul, push, 0, sub, halt]
    loop = [push, 0, swap, swap, push, 5, add, swap, dec, jump_if, 3, halt]
    square = [dup, mul, push, 1, halt]
    code = np.array(factorial + [c + len(factorial) if p == jump_if else c
                                 for p, c in zip([None, *loop], loop, strict=False)] + square, np.int32)  # fmt: skip
    starts = np.array([0, len(factorial), len(factorial) + len(loop)], np.int32)
    out = np.zeros(90, np.int32)
    program.launch("interpret", 3, 32, out, code, starts, 90)

    def run(i):
        stack, pc = [i % 9], int(starts[i % 3])
        while True:
            operation, pc = code[pc], pc + 1
            if operation == push:
                stack.append(int(code[pc]))
                pc += 1
            elif operation in (add, mul, sub):
                b, a = stack.pop(), stack.pop()
                stack.append({add: a + b, mul: a * b, sub: a - b}[operation])
            elif operation == swap:
                stack[-2:] = stack[:-3:-1]
            elif operation == dup:
                stack.append(stack[-1])
            elif operation == dec:
                stack[-1] -= 1
            elif operation == jump_if:
                pc = int(code[pc]) if stack[-1] > 0 else pc + 1
            else:
                return stack[-2] if len(stack) >= 2 else stack[-1]

    assert out.tolist() == [run(i) for i in range(90)]


@compiled("goto_loops", *ALL)
def test_loops_made_of_goto_end_in_every_lane(program):
    steps, primes, found = (np.zeros(150, np.int32) for _ in range(3))
    program.launch("collatz", 3, 64, steps, 150)
    program.launch("primes", 3, 64, primes, 150)
    program.launch("search", 3, 64, found, 150)

    def collatz(x):
        return 0 if x == 1 else 1 + collatz(3 * x + 1 if x % 2 else x // 2)

    def first(i):
        triples = ((a, b, c) for a in range(6) if a != i % 5 for b in range(6) for c in range(6))
        return next((a * 100 + b * 10 + c for a, b, c in triples if a + b * b + c**3 == i), -1)

    assert steps.tolist() == [collatz(i + 1) for i in range(150)]
    assert primes.tolist() == [sum(all(p % d for d in range(2, p)) for p in range(2, i)) for i in range(150)]
    assert found.tolist() == [first(i) for i in range(150)]


@compiled("goto_loops", *ALL)
def test_lanes_that_stay_go_on_when_others_have_left(program):
    limits, out = np.random.default_rng(2).integers(0, 25, 96, dtype=np.int32), np.zeros(96, np.int32)
    program.launch("early_exit", 1, 96, out, limits, 20)
    for i, limit in enumerate(limits.tolist()):
        rounds = [r for r in range(min(limit, 20)) if r % 3 or i % 2 == 0]
        total = sum(rounds) + sum(10 for r in rounds if r % 3 == 0)
        assert out[i] == (total if limit < 20 else -total)


@compiled("nested_divergence", *ALL)
def test_nested_conditions_run_what_each_lane_asks_for(program):
    out = np.zeros((200, 2), np.int32)
    program.launch("nested", 4, 64, out, 200)

    def lane(i):
        result, calls = 0, 0

        def noisy(value):
            nonlocal calls
            calls += 1
            return value

        for j in range(i % 7 + 1):
            if i % 2:
                if j % 3 == 0:
                    result += 1
                elif j % 3 == 1:
                    k = j
                    while True:
                        result += k * 10
                        if result % 4 == 1:
                            break
                        k -= 1
                        if k + 1 <= i % 3:
                            break
                else:
                    result ^= i
            elif i % 5 == 0 and noisy(j) and (noisy(i) > 20 or noisy(j) > 2):
                result += 1000
            else:
                result += noisy(2) if i % 3 else (noisy(100) if j > 2 else -1)
        return [result, calls]

    assert out.tolist() == [lane(i) for i in range(200)]


@compiled("nested_divergence", "sm_80", "debug")
def test_rows_of_different_lengths_meet_at_the_barrier(program):
    rng = np.random.default_rng(3)
    starts = np.concatenate([[0], rng.integers(0, 40, 128).cumsum()]).astype(np.int32)
    values = rng.integers(-5, 9, starts[-1]).astype(np.float32)
    sums = np.zeros(128, np.float32)
    program.launch("ragged_rows", 2, 64, sums, values, starts, 128)
    rows = np.array([np.maximum(values[a:b], 0).sum() for a, b in pairwise(starts)])
    np.testing.assert_array_equal(sums, rows + rows.reshape(-1, 2)[:, ::-1].ravel())


@compiled("blocks_3d", *ALL)
def test_threads_know_their_place_in_three_dimensions(program):
    width, height, depth, block = 13, 10, 5, (5, 3, 2)
    out = np.zeros((depth, height, width), np.int32)
    program.launch("coordinates", (3, 4, 3), block, out, struct.pack("<iii", width, height, depth))
    z, y, x = np.indices(out.shape)
    blocks = (z // 2 * 4 + y // 3) * 3 + x // 5
    threads = (z % 2 * 3 + y % 3) * 5 + x % 5
    np.testing.assert_array_equal(out, blocks * 100000 + threads * 100 + threads % 32)


@compiled("blocks_3d", "sm_80", "debug")
def test_a_stencil_reads_its_halo_from_shared_memory(program):
    field = np.random.default_rng(4).integers(-9, 9, (5, 11, 19)).astype(np.float32)
    out = np.zeros_like(field)
    program.launch("laplace", (3, 3, 3), (8, 4, 2), out, field, struct.pack("<iii", 19, 11, 5))
    padded = np.pad(field, 1)
    moved = [np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1] for axis in range(3) for step in (-1, 1)]
    np.testing.assert_array_equal(out, sum(moved) - 6 * field)


@compiled("heap", *ALL)
def test_lists_grow_on_the_heap(program):
    out = np.zeros((100, 2), np.int32)
    program.launch("lists", 2, 64, out, 100)
    for i, (total, length) in enumerate(out.tolist()):
        expected = 0
        for value in range(i % 9, -1, -1):
            expected = expected * 3 + value * i
        assert (total, length) == (expected, i % 9 + 1)


@compiled("heap", "sm_80", "debug")
def test_memory_of_the_heap_outlives_the_kernel(program):
    out = np.zeros(64, np.int32)
    program.launch("keep", 1, 64)
    program.launch("use", 1, 64, out)
    assert out.tolist() == [n * n * (n - 1) // 2 for n in range(1, 65)]


@compiled("heap", "sm_80", "debug")
def test_an_exhausted_heap_gives_null(program):
    out = np.zeros(4, np.int32)
    program.launch("too_much", 1, 4, out)
    assert out.tolist() == [1, 1, 1, 1]


@compiled("variables", *ALL)
def test_variables_hold_their_initial_values(program):
    out = np.zeros(100, np.float32)
    program.launch("read", 2, 64, out, 100)
    np.testing.assert_allclose(out, _variables((1, -0.5, 0.25, -0.125), 3), rtol=1e-5)
    assert program.variable("counter", np.int32)[0] == 10 + 2 * 100


@compiled("variables", "sm_80", "debug")
def test_the_host_sets_constants_between_launches(program):
    out = np.zeros(100, np.float32)
    program.variable("coefficients", np.float32)[:] = (2, 1, 0, -1)
    program.variable("scale", np.int32)[0] = -2
    program.launch("read", 2, 64, out, 100)
    np.testing.assert_allclose(out, _variables((2, 1, 0, -1), -2), rtol=1e-5)


def _variables(coefficients, scale):
    entries = [(1, 0.5, 3), (20, 2.5, 6), (300, 3.5, 13)]
    rest = [sum(entries[i % 3]) + [[1, 2, 3], [4, 5, 6]][i % 2][i % 3] + (-1, 300, -32768)[i % 3] for i in range(100)]
    return np.polyval(coefficients[::-1], np.arange(100) * 0.25) * scale + np.array(rest) + 77


@compiled("local_arrays", *ALL)
def test_every_thread_sorts_an_array_of_its_own(program):
    rows = np.random.default_rng(5).integers(-99, 99, (96, 24), dtype=np.int32)
    out = np.zeros_like(rows)
    program.launch("sort", 2, 48, rows, out, 24)
    np.testing.assert_array_equal(out, np.sort(rows, axis=1))


@compiled("local_arrays", "sm_80", "debug")
def test_digits_are_kept_at_indexes_known_at_run_time(program):
    values = np.random.default_rng(6).integers(0, 2**63, 64, dtype=np.uint64) >> np.arange(64, dtype=np.uint64)
    for base in (2, 7, 10):
        out = np.zeros(64, np.uint64)
        program.launch("digits", 1, 64, out, values, base)
        assert out.tolist() == [int(np.base_repr(value, base)[::-1], base) for value in values.tolist()]


@compiled("local_arrays", "sm_80", "debug")
def test_small_matrices_are_copied_in_local_memory(program):
    out, fibonacci = np.zeros(64), [0, 1]
    program.launch("matrix_power", 1, 64, out, 50)
    while len(fibonacci) < 64:
        fibonacci.append(sum(fibonacci[-2:]))
    before = [1, *fibonacci]
    assert out.tolist() == [before[i % 50] if i & 1 else fibonacci[i % 50] for i in range(64)]


@compiled("shared_dynamic", *ALL)
def test_dynamic_shared_memory_is_cut_into_arrays(program):
    out = np.zeros((3, 64))
    program.launch("carve", 3, 64, out, 70, 50, shared=70 * 8 + 50 * 4 + 32)
    block, i = np.indices((3, 64))
    letters = 97 + i % 32 % 26
    np.testing.assert_array_equal(out, i * 7 % 70 * 0.5 - i * 5 % 50 + letters + (i + 3) % 16 + block)


@compiled("shared_dynamic", "sm_80", "debug")
def test_a_kernel_knows_the_size_and_space_of_its_shared_memory(program):
    out = np.zeros(3, np.uint32)
    program.launch("size", 1, 1, out, shared=112)
    assert out.tolist() == [112, 0, 3]


@compiled("shared_dynamic", "sm_80")
def test_arrays_of_any_type_are_reversed_through_shared_memory(program):
    rng = np.random.default_rng(7)
    for letter, dtype, width in (("c", "i1", 1), ("s", "i2", 1), ("d", "f8", 1), ("6float4", "f4", 4)):
        values = rng.integers(-100, 100, (90, width)).astype(dtype)
        reversed_ = values.copy()
        program.launch(f"reverseI{letter}E", 1, 96, reversed_, 90, shared=90 * width * values.itemsize)
        np.testing.assert_array_equal(reversed_, values[::-1])


@compiled("printf_formats", "sm_80", "debug")
def test_printf_knows_every_format(program, capfd):
    program.launch("formats", 1, 1, 42, 3.14159, -1234567890123)
    assert capfd.readouterr().out.splitlines() == [
        "plain",
        "42 -42 42 52 2a 2A",
        "[   42] [42   ] [00042] [+42] [ 42] [0x2a] [052]",
        f"-1234567890123 {2**64 - 1234567890123} {2**64 - 1234567890123:x} -1234567890123 {2**64 - 1234567890123}",
        "-7 200",
        "3.141590 3.141590e+00 3.14159 3.141590E+00 3.14159",
        "[     3.142] [3.14e+00  ] [+3.1] [00003.1416] [3] [0x1.8p+0]",
        "[    42] [42    ] [3.14]",
        "abc [text] [     right] [left  ] [tru] %",
        "inf -inf 42.000000",
        "1 two 3.000000",
        "3",
    ]


@compiled("printf_formats", "sm_80", "debug")
def test_every_lane_prints_its_own_line(program, capfd):
    program.launch("lanes", 2, 10, np.frombuffer(b"abcdefghij", np.uint8).copy())
    lines = sorted(capfd.readouterr().out.splitlines())
    letters = [f"{'abcdefghij'[t]} of {t}: {t / 8:.2f}" for t in (1, 4, 7)]
    assert lines == sorted([*letters, *letters, *(f"block {b} thread {t}" for b in (0, 1) for t in (0, 3, 6, 9))])
