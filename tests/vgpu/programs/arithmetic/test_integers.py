"""Integer arithmetic of CUDA C++ against Python's integers."""

import numpy as np

from tests.vgpu.programs.build import compiled

EDGES = [0, 1, 2, 3, 7, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xDEADBEEF]


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def unsigned(value, bits):
    return value & (1 << bits) - 1


def quotient(a, b):
    """C's division: towards zero."""
    result = abs(a) // abs(b)
    return result if (a < 0) == (b < 0) else -result


def remainder(a, b):
    return a - b * quotient(a, b)


def numbers(bits, count, seed):
    """Edge values first, then random ones of every length."""
    rng = np.random.default_rng(seed)
    edges = [unsigned(edge << shift, bits) for edge in EDGES for shift in (0, bits - 32)]
    words = [int.from_bytes(rng.bytes(bits // 8), "little") >> int(rng.integers(bits)) for _ in range(count)]
    return (edges[seed % 5 :] + words)[:count]


def memory(values, bits):
    """An array of these numbers, of type uint8 where NumPy has no such integer."""
    content = b"".join(unsigned(value, bits).to_bytes(bits // 8, "little") for value in values)
    return np.frombuffer(content, f"u{bits // 8}" if bits <= 64 else "u1").copy()


@compiled("wide_integers", "sm_75", "sm_80", "debug")
def test_division_of_64_bits_is_exact(program):
    a, b = numbers(64, 200, 1), [value or 3 for value in numbers(64, 200, 2)]
    pairs = [(x, y) for x, y in zip(a, b, strict=True) if (x, y) != (1 << 63, 2**64 - 1)]
    out = np.zeros((len(pairs), 8), np.uint64)
    program.launch("divide", 4, 64, out, *(memory(column, 64) for column in zip(*pairs, strict=True)), len(pairs))
    for (x, y), row in zip(pairs, out.tolist(), strict=True):
        s, t = signed(x, 64), signed(y, 64)
        results = [quotient(s, t), remainder(s, t), x // y, x % y, s * t >> 64, x * y >> 64]
        results += [quotient(s, 1000000007), x % 12345678901234567]
        assert row == [unsigned(result, 64) for result in results], (x, y)


@compiled("wide_integers", "sm_80", "debug")
def test_division_of_32_bits_and_less_is_exact(program):
    a, b = numbers(32, 200, 3), [value or 3 for value in numbers(32, 200, 4)]
    out = np.zeros((200, 6), np.uint32)
    program.launch("divide_narrow", 4, 64, out, memory(a, 32), memory(b, 32), 200)
    for x, y, row in zip(a, b, out.tolist(), strict=True):
        s, t = signed(x, 32), signed(y, 32)
        results = [
            quotient(s, t),
            remainder(s, t),
            x // y,
            x % y,
            quotient(signed(x, 16), signed(y | 1, 16)),
            x % 256 % 7,
        ]
        assert row == [unsigned(result, 32) for result in results], (x, y)


@compiled("wide_integers", "sm_80", "sm_90", "debug")
def test_integers_of_128_bits_have_all_operators(program):
    a, b = numbers(128, 150, 5), [value or 3 for value in numbers(128, 150, 6)]
    out = np.zeros((150, 12, 16), np.uint8)
    program.launch("wider", 3, 64, out, memory(a, 128), memory(b, 128), 150)
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        s, t, shift = signed(x, 128), signed(y, 128), i % 128
        results = [
            x + y,
            x - y,
            x * y,
            x // y,
            x % y,
            quotient(s, t),
            remainder(s, t),
            x << shift,
            x >> shift,
            s >> shift,
        ]
        results += [x & ~y ^ (x | y), (x < y) + 2 * (s < t) + 4 * (x == y) + 8 * (s >= t)]
        assert [int.from_bytes(cell.tobytes(), "little") for cell in out[i]] == [unsigned(r, 128) for r in results], (
            x,
            y,
        )


def _permuted(x, y, selector):
    wide = (y << 32 | x).to_bytes(8, "little")
    return int.from_bytes(bytes(wide[selector >> 4 * k & 7] for k in range(4)), "little")


def _nth_set(mask, base, offset):
    """__fns: the position of the n-th set bit from base, or all ones."""
    if offset == 0:
        return base if mask >> base & 1 else 0xFFFFFFFF
    step, position, left = (1, base, offset) if offset > 0 else (-1, base, -offset)
    while 0 <= position < 32:
        left -= mask >> position & 1
        if left == 0:
            return position
        position += step
    return 0xFFFFFFFF


@compiled("bits", "sm_75", "sm_80", "debug")
def test_bit_intrinsics_of_32_bits(program):
    a, b = numbers(32, 200, 7), numbers(32, 200, 8)
    out = np.zeros((200, 20), np.uint32)
    program.launch("narrow", 4, 64, out, memory(a, 32), memory(b, 32), 200)
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        s, t, wide, shift = signed(x, 32), signed(y, 32), y << 32 | x, y & 31
        results = [
            x.bit_count(),
            32 - x.bit_length(),
            int(f"{x:032b}"[::-1], 2),
            (x & -x).bit_length(),
            _permuted(x, y, i * 0x1357),
            (wide << i % 32) >> 32,
            wide >> i % 32,
            (wide << min(i % 40, 32)) >> 32,
            wide >> min(i % 40, 32),
            s * t >> 32,
            x * y >> 32,
            signed(x, 24) * signed(y, 24),
            unsigned(x, 24) * unsigned(y, 24),
            abs(s - t) + 7,
            abs(x - y) + 7,
            s + t >> 1,
            x + y + 1 >> 1,
            _nth_set(x, i % 32, i % 5 - 2),
            x << shift | s >> shift,
            (x & y) | ((~x & 0x0F0F0F0F) ^ (y | 0x12345678)),
        ]
        assert out[i].tolist() == [unsigned(result, 32) for result in results], (i, x, y)


@compiled("bits", "sm_80", "debug")
def test_bit_intrinsics_of_64_bits(program):
    values = numbers(64, 200, 9)
    out = np.zeros((200, 8), np.uint64)
    program.launch("wide", 4, 64, out, memory(values, 64), 200)
    for i, x in enumerate(values):
        shift = i % 64
        results = [
            x.bit_count(),
            64 - x.bit_length(),
            int(f"{x:064b}"[::-1], 2),
            (x & -x).bit_length(),
            x << shift | x >> 63 - shift,
            signed(x, 64) >> shift,
            (x >> 13 & 0x1FFFF) | (x & 0xFFFF) << 40,
            signed(x << 20, 64) >> 50,
        ]
        assert out[i].tolist() == [unsigned(result, 64) for result in results], (i, x)


@compiled("bits", "sm_80", "debug")
def test_dot_products_of_bytes_and_halves_accumulate(program):
    a, b = numbers(32, 200, 10), numbers(32, 200, 11)
    out = np.zeros((200, 6), np.uint32)
    program.launch("dot", 4, 64, out, memory(a, 32), memory(b, 32), 200)

    def dot(x, y, start, parts, take):
        return start + sum(take(x >> p[0], p[1]) * take(y >> p[2], 8) for p in parts)

    bytes_ = [(k, 8, k) for k in (0, 8, 16, 24)]
    low, high = [(0, 16, 0), (16, 16, 8)], [(0, 16, 16), (16, 16, 24)]
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        results = [dot(x, y, i, parts, take) for parts, take in (
            (bytes_, signed), (bytes_, unsigned), (low, signed), (high, signed), (low, unsigned), (high, unsigned))]  # fmt: skip
        assert out[i].tolist() == [unsigned(result, 32) for result in results], (x, y)


@compiled("bits", "sm_80", "debug")
def test_simd_within_a_word_treats_each_byte_or_half(program):
    a, b = numbers(32, 200, 12), numbers(32, 200, 13)
    out = np.zeros((200, 10), np.uint32)
    program.launch("packed", 4, 64, out, memory(a, 32), memory(b, 32), 200)

    def each(x, y, bits, take, operation):
        parts = (operation(take(x >> at, bits), take(y >> at, bits)) for at in range(0, 32, bits))
        return sum(unsigned(part, bits) << at for part, at in zip(parts, range(0, 32, bits), strict=True))

    for x, y, row in zip(a, b, out.tolist(), strict=True):
        assert row == [
            each(x, y, 8, unsigned, lambda p, q: p + q),
            each(x, y, 16, unsigned, lambda p, q: p - q),
            each(x, y, 8, signed, lambda p, q: max(-128, min(127, p + q))),
            each(x, y, 16, unsigned, lambda p, q: max(0, p - q)),
            each(x, y, 8, unsigned, lambda p, q: abs(p - q)),
            each(x, y, 16, signed, max),
            each(x, y, 8, unsigned, min),
            each(x, y, 8, signed, lambda p, q: -(p > q)),
            each(x, y, 16, unsigned, lambda p, q: p + q + 1 >> 1),
            sum(abs((x >> at & 255) - (y >> at & 255)) for at in (0, 8, 16, 24)),
        ], (x, y)
