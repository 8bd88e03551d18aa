"""C++ as CUDA has it: what the language brings with it, compiled and run, gives what Python computes."""

import math
import struct

import numpy as np

from tests.vgpu.programs.build import compiled

ALL = ("sm_75", "sm_80", "sm_90", "debug", "O0")


@compiled("grid_stride", *ALL)
def test_a_grid_stride_loop_covers_every_element(program):
    x, y = (np.random.default_rng(seed).standard_normal(1000, dtype=np.float32) for seed in (1, 2))
    for kernel, elements in (("saxpy", 1000), ("saxpy_by_four", 250)):
        result = y.copy()
        program.launch(kernel, 3, 64, result, x, 1.5, elements)
        np.testing.assert_allclose(result, 1.5 * x + y, rtol=1e-6, atol=1e-6)


@compiled("templates", "sm_80", "debug", "O0")
def test_templates_are_instantiated_for_their_types_and_numbers(program):
    integers, doubles, factorials = np.arange(-40, 40, dtype=np.int32), np.linspace(-1, 1, 50), np.zeros(3, np.uint64)
    squared, cubed = integers.copy(), doubles.copy()
    program.launch("repeatIiLi2", 2, 64, squared, 80)
    program.launch("repeatIdLi3", 1, 64, cubed, 50)
    program.launch("factorials", 1, 1, factorials)
    np.testing.assert_array_equal(squared, -(integers**4) + 6)
    np.testing.assert_allclose(cubed, -(doubles**8) + 6, rtol=1e-14)
    assert list(factorials) == [math.factorial(5), math.factorial(13), math.factorial(20)]


@compiled("lambdas", "sm_80", "debug")
def test_a_closure_is_a_parameter_like_another(program):
    values = np.arange(100, dtype=np.float32)
    program.launch("for_each", 2, 64, values, 100, struct.pack("<fid", 2.0, 5, 0.25))
    numbers = np.arange(100)
    np.testing.assert_array_equal(values, numbers * 2.0 + (numbers ^ 5) + 0.25)


@compiled("lambdas", "sm_80", "debug")
def test_lambdas_capture_by_value_and_by_reference(program):
    values, out = np.arange(5, 30, dtype=np.int32), np.zeros(40 * 3, np.int32)
    program.launch("folds", 1, 40, out, values, 25, 21)
    for thread, (total, mixed, seen) in enumerate(out.reshape(40, 3)):
        folded = 0
        for value in values:
            folded ^= min(value + thread, 21)
        assert (total, mixed, seen) == (values.sum(), folded, 25)


@compiled("virtual", *ALL)
def test_lanes_call_different_overrides_of_a_virtual_function(program):
    out = np.zeros(70, np.float32)
    program.launch("local_objects", 3, 32, out, 70)
    kinds = [
        lambda i: 3.0 * i * i,
        lambda i: 2.0 * i + 400,
        lambda i: i * i + 0.5 + 400,
        lambda i: 3.0 * i + 4000 + 47,
    ]
    np.testing.assert_array_equal(out, [np.float32(kinds[i % 4](i)) for i in range(70)])


@compiled("virtual", "sm_80", "debug")
def test_objects_of_several_classes_live_on_the_heap(program):
    out = np.zeros(70, np.float32)
    program.launch("heap_objects", 3, 32, out, 70)
    kinds = [lambda i: 3.0 * i * i, lambda i: i * (i + 1) + 400, lambda i: i * i + 0.5 + 400]
    np.testing.assert_array_equal(out, [np.float32(kinds[i % 3](i)) for i in range(70)])


def _looping(a, b):
    while a % 7:
        a += 3
    return a - b


OPERATIONS = [lambda a, b: a + b, lambda a, b: a * b, max, _looping]


@compiled("function_pointers", "sm_80", "debug", "O0")
def test_functions_are_called_through_tables(program):
    rng = np.random.default_rng(3)
    which, a, b = (rng.integers(0, high, 100, dtype=np.int32) for high in (4, 50, 50))
    out = np.zeros(100, np.int32)
    program.launch("call_by_table", 2, 64, out, which, a, b, 100)
    for w, x, y, found in zip(which.tolist(), a.tolist(), b.tolist(), out.tolist(), strict=True):
        assert found == OPERATIONS[w](x, y) * 3 + OPERATIONS[3 - w](y, x)


@compiled("function_pointers", "sm_80", "debug")
def test_functions_and_members_are_called_through_arguments(program):
    rng = np.random.default_rng(4)
    which, a, b = (rng.integers(0, high, 100, dtype=np.int32) for high in (4, 50, 50))
    out = np.zeros(100, np.int32)
    program.launch("call_by_argument", 2, 64, out, which, a, b, 100)
    twice = np.where(which & 1, a * b * b, a + 2 * b)
    np.testing.assert_array_equal(out, twice + np.where(which & 2, a + b, a - b))


@compiled("recursion", *ALL)
def test_recursion_goes_to_another_depth_in_every_lane(program):
    out = np.zeros(64, np.int32)
    program.launch("numbers", 1, 64, out)
    ackermann = [lambda n: n + 1, lambda n: n + 2, lambda n: 2 * n + 3]
    expected = [ackermann[i // 4](i % 4 + 1) if i < 12 else (i % 2 == 0) * 2 + i // 3 % 2 for i in range(64)]
    assert out.tolist() == expected


@compiled("recursion", "sm_80", "debug")
def test_every_lane_sorts_its_row_by_quicksort(program):
    rows = np.random.default_rng(5).integers(-99, 99, (64, 33), dtype=np.int32)
    expected = rows.copy()
    for number, row in enumerate(expected):
        row[: 33 - number % 32 % 3].sort()
    program.launch("sort_rows", 2, 32, rows, 33)
    np.testing.assert_array_equal(rows, expected)


@compiled("recursion", "sm_80")
def test_queens_are_counted_by_backtracking(program):
    out = np.zeros(8, np.int32)
    program.launch("count_queens", 1, 8, out)
    assert out.tolist() == [1, 0, 0, 2, 10, 4, 40, 92]


BODY = np.dtype([("place", "3f4"), ("speed", "3f4"), ("mass", "f8"), ("tag", "i1"), ("marks", "3i2")], align=True)
SETTINGS = np.dtype([("step", "f4"), ("count", "i4"), ("wind", "3f4"), ("flags", "5u1")], align=True)


@compiled("structs", *ALL)
def test_structs_go_by_value_into_and_out_of_functions(program):
    rng = np.random.default_rng(6)
    bodies = np.zeros(50, BODY)
    bodies["place"], bodies["speed"] = rng.standard_normal((50, 3)), rng.standard_normal((50, 3))
    bodies["mass"], bodies["tag"] = rng.uniform(1, 2, 50), np.arange(50)
    settings = np.array((0.125, 50, (1.0, -2.0, 0.5), (1, 2, 3, 4, 5)), SETTINGS)
    expected = bodies.copy()
    for i, body in enumerate(expected):
        for _ in range(i % 7):
            body["place"] += body["speed"] * np.float32(0.125)
            body["speed"] += settings["wind"] * np.float32(np.float32(0.125) / np.float32(body["mass"]))
        body["tag"] += settings["flags"][i % 7 % 5]
        body["marks"][i % 7 % 3] = -(i % 7)
    program.launch("move", 2, 32, bodies, settings)
    for field in ("mass", "tag", "marks"):
        np.testing.assert_array_equal(bodies[field], expected[field])
    for field in ("place", "speed"):
        np.testing.assert_allclose(bodies[field], expected[field], rtol=1e-5, atol=1e-6)


@compiled("structs", "sm_80", "debug")
def test_bit_fields_and_unions_share_their_storage(program):
    numbers, out = np.linspace(-100, 100, 40, dtype=np.float32), np.zeros((40, 4), np.uint32)
    program.launch("take_apart", 1, 64, out, numbers, 40)
    for i, (number, row) in enumerate(zip(numbers, out.tolist(), strict=True)):
        bits = int(number.view(np.uint32))
        changed = (bits ^ 1 << 31) + (1 << 23)
        middle = (0x1234567890 * i + (changed & 0x1FFF)) & (1 << 37) - 1
        small = (((i - 16 + 16) % 32 - 16) - 3 + 16) % 32 - 16
        high = (77 + i) & 0x3FFF
        assert row == [
            (bits >> 23 & 255) + (bits >> 31 << 16),
            changed,
            changed >> 8 * (i % 4) & 255,
            ((middle ^ high) + small) % 2**32,
        ]
