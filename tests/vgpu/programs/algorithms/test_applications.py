"""Small applications: simulations, random numbers, neural layers, graphs, texts, numerics."""

import hashlib
import math
import zlib
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.vgpu.programs.build import compiled


def reals(shape, seed, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def integers(shape, seed, low, high):
    return np.random.default_rng(seed).integers(low, high, shape, dtype=np.int32)


# --- simulations --------------------------------------------------------------------------------------------------


@compiled("simulation", "sm_75", "sm_80")
def test_bodies_pull_each_other(program):
    bodies, found = abs(reals((100, 4), 1)), np.zeros((100, 4), np.float32)
    program.launch("n_body", 2, 64, found, bodies, 100, shared=64 * 16)
    place, mass = bodies[:, :3].astype(np.float64), bodies[:, 3:]
    apart = place[None] - place[:, None]
    pull = mass.T / ((apart**2).sum(2) + 0.01) ** 1.5
    np.testing.assert_allclose(found[:, :3], (apart * pull[:, :, None]).sum(1), rtol=1e-4, atol=1e-4)


@compiled("simulation", "sm_75", "sm_80", "debug")
def test_the_mandelbrot_set_leaves_lanes_in_their_loops_for_as_long_as_they_need(program):
    width, height, pixel = 60, 40, 0.05
    steps = np.zeros((height, width), np.uint16)
    program.launch("mandelbrot", (8, 10), (8, 4), steps, width, height, -2.0, 1.0, pixel)

    def escape(x, y):
        a, b, u, v = -2.0 + x * pixel, 1.0 - y * pixel, 0.0, 0.0
        for step in range(200):
            if u * u + v * v > 4:
                return step
            u, v = u * u - v * v + a, 2 * u * v + b
        return 200

    differ = sum(steps[y, x] != escape(x, y) for y in range(height) for x in range(width))
    assert differ <= 3  # -2.0 + x * pixel may be contracted


@compiled("simulation", "sm_75", "sm_80", "debug")
def test_a_glider_flies_and_a_soup_boils(program):
    cells = np.random.default_rng(2).integers(0, 2, (30, 50)).astype(np.uint8)
    for _ in range(5):
        out = np.zeros_like(cells)
        program.launch("life", (7, 8), (8, 4), out, cells, 50, 30)
        shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y]
        count = sum(np.roll(cells, shift, (0, 1)) for shift in shifts)
        np.testing.assert_array_equal(out, (count == 3) | ((count == 2) & (cells == 1)))
        cells = out


@compiled("simulation", "sm_75", "sm_80")
def test_heat_spreads_for_several_steps_in_one_launch(program):
    n, steps = 1000, 8
    start, out = reals(n, 3), np.zeros(n, np.float32)
    program.launch("heat", -(-n // (128 - 2 * steps)), 128, out, start, n, steps)
    room = start
    for _ in range(steps):
        wide = np.pad(room, 1)
        room = room + np.float32(0.25) * ((wide[:-2] + wide[2:]) + np.float32(-2) * room)
    np.testing.assert_array_equal(out, room)


# --- random numbers -----------------------------------------------------------------------------------------------


def philox(counters, key):
    """Philox4x32-10 on an array of counters (n, 4), after Salmon et al. 2011."""
    c = counters.astype(np.uint64)
    k0, k1 = np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[:, 0], np.uint64(0xCD9E8D57) * c[:, 2]
        c = np.stack([b >> np.uint64(32) ^ c[:, 1] ^ k0, b & low, a >> np.uint64(32) ^ c[:, 3] ^ k1, a & low], 1)
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return c.astype(np.uint32)


def uniform(bits):
    return bits.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)


@compiled("random", "sm_75", "sm_80", "debug")
def test_philox_gives_its_bits(program):
    out, key = np.zeros((96, 4), np.uint32), 0x123456789ABCDEF
    program.launch("philox_bits", 3, 32, out, key)
    i = np.arange(96)
    np.testing.assert_array_equal(out, philox(np.stack([i, 0 * i, i, 0 * i], 1), key))


@compiled("random", "sm_75", "sm_80")
def test_pi_comes_from_random_points(program):
    inside = np.zeros(1, np.uint32)
    program.launch("philox_pi", 2, 64, inside, 5, 50)
    thread, draw = (part.ravel() for part in np.indices((128, 50)))
    u = uniform(philox(np.stack([draw, 0 * draw, thread, 0 * draw], 1), 5)).astype(np.float64)
    expected = ((u[:, 0::2] ** 2 + u[:, 1::2] ** 2) <= 1).sum()
    assert abs(int(inside[0]) - expected) <= 2
    assert abs(4 * inside[0] / 12800 - math.pi) < 0.1


@compiled("random", "sm_75", "sm_80")
def test_normal_numbers_follow_box_and_muller(program):
    found, wide = np.zeros((64, 8), np.float32), np.zeros((64, 8))
    program.launch("normals", 2, 32, found, wide, 8)
    thread, draw = (part.ravel() for part in np.indices((64, 2)))
    bits = philox(np.stack([draw, 0 * draw, thread, 0 * draw], 1), 7).reshape(64, 4, 2)
    radius = np.sqrt(-2 * np.log(uniform(bits[:, :, 0]).astype(np.float64)))
    angle = 2 * np.pi * uniform(bits[:, :, 1]).astype(np.float64)
    expected = np.stack([np.sin(angle) * radius, np.cos(angle) * radius], 2).reshape(64, 8)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert ((wide > 0) & (wide <= 1)).all()
    assert len(np.unique(wide)) == wide.size


@compiled("random", "sm_80", "sm_90")
def test_xorwow_skips_ahead(program):
    out = np.zeros((32, 5), np.uint32)
    program.launch("xorwow", 1, 32, out, 5)
    low = 0xFFFFFFFF
    t0, t1 = 1099087573 * (1234 ^ 0xAAD26B49) & low, 2591861531 * 0xF7DCEFDD & low
    v = [123456789 + t0 & low, 362436069 ^ t0, 521288629 + t1 & low, 88675123 ^ t1, 5783321 + t0 & low]
    d, expected = 6615241 + t1 + t0, []
    for _ in range(160):
        t = v[0] ^ v[0] >> 2
        v = [*v[1:], (v[4] ^ v[4] << 4 ^ t ^ t << 1) & low]
        d += 362437
        expected.append(v[4] + d & low)
    assert out.ravel().tolist() == expected


@compiled("random", "sm_80", "sm_90")
def test_mrg32k3a_skips_ahead(program):
    out = np.zeros((32, 5), np.float32)
    program.launch("mrg", 1, 32, out, 5)
    one, two, expected = [12345] * 3, [12345] * 3, []
    for _ in range(160):
        one = [*one[1:], (1403580 * one[1] - 810728 * one[0]) % 4294967087]
        two = [*two[1:], (527612 * two[2] - 1370589 * two[0]) % 4294944443]
        expected.append((one[2] - two[2] - 1) % 4294967087 + 1)
    np.testing.assert_array_equal(out.ravel(), (np.array(expected) * 2.3283065498378288e-10).astype(np.float32))


# --- neural layers ------------------------------------------------------------------------------------------------


@compiled("neural", "sm_75", "sm_80", "sm_90")
@pytest.mark.parametrize(("letter", "dtype", "error"), [("f", np.float32, 1e-4), ("6__half", np.float16, 5e-3)])
def test_layer_norm_agrees_with_torch(program, letter, dtype, error):
    x, gain, bias = reals((7, 300), 4).astype(dtype), reals(300, 5), reals(300, 6)
    out = np.zeros_like(x)
    program.launch(f"layer_normI{letter}E", 7, 128, out, x, gain, bias, 300)
    weights = (torch.from_numpy(part).double() for part in (gain, bias))
    expected = torch.nn.functional.layer_norm(torch.from_numpy(x).double(), (300,), *weights)
    np.testing.assert_allclose(out, expected, rtol=error, atol=error)


@compiled("neural", "sm_75", "sm_80", "debug")
def test_a_softmax_in_one_pass_agrees_with_torch(program):
    x = reals((13, 200), 7) * 10
    out = np.zeros_like(x)
    program.launch("online_softmax", 4, (32, 4), out, x, 13, 200)
    np.testing.assert_allclose(out, torch.softmax(torch.from_numpy(x).double(), 1), rtol=1e-4, atol=1e-7)


@compiled("neural", "sm_75", "sm_80")
def test_gelu_in_both_forms_agrees_with_torch(program):
    x = reals(500, 8) * 3
    out, approximated = np.zeros_like(x), np.zeros_like(x)
    program.launch("gelu", 4, 128, out, approximated, x, 500)
    wide = torch.from_numpy(x).double()
    np.testing.assert_allclose(out, torch.nn.functional.gelu(wide), atol=1e-6)
    np.testing.assert_allclose(approximated, torch.nn.functional.gelu(wide, approximate="tanh"), atol=1e-6)


@compiled("neural", "sm_75", "sm_80")
def test_causal_attention_agrees_with_torch(program):
    q, k, v = (reals((2, 75, 16), seed) for seed in (9, 10, 11))
    out = np.zeros_like(q)
    program.launch("attentionILi16E", (3, 2), 32, out, q, k, v, 75)
    parts = (torch.from_numpy(part).double() for part in (q, k, v))
    expected = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


@compiled("neural", "sm_75", "sm_80")
def test_cross_entropy_agrees_with_torch(program):
    logits, labels, loss = reals((9, 100), 12) * 5, integers(9, 13, 0, 100).astype(np.int64), np.zeros(9, np.float32)
    program.launch("cross_entropy", 9, 32, loss, logits, labels, 100)
    wide = torch.from_numpy(logits).double()
    expected = torch.nn.functional.cross_entropy(wide, torch.from_numpy(labels), reduction="none")
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)


# --- graphs -------------------------------------------------------------------------------------------------------


def sparse(rows, seed):
    """A square matrix in CSR whose rows have from none to many values, and the same one dense."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((rows, rows)).astype(np.float32)
    dense[rng.random((rows, rows)) > np.linspace(0, 0.7, rows)[:, None]] = 0
    at = np.nonzero(dense)
    starts = np.concatenate([[0], np.count_nonzero(dense, axis=1).cumsum()]).astype(np.int32)
    return starts, at[1].astype(np.int32), dense[at], dense


@compiled("graphs", "sm_75", "sm_80", "debug")
@pytest.mark.parametrize("kernel", ["spmv_threads", "spmv_warps"])
def test_a_sparse_matrix_times_a_vector(program, kernel):
    starts, cols, values, dense = sparse(120, 14)
    x, y = reals(120, 15), np.zeros(120, np.float32)
    program.launch(kernel, 2, 64, y, starts, cols, values, x, 120)
    np.testing.assert_allclose(y, dense.astype(np.float64) @ x, rtol=1e-4, atol=1e-4)


def random_graph(vertices, edges, seed):
    pairs = integers((edges, 2), seed, 0, vertices)
    neighbours = [[] for _ in range(vertices)]
    for a, b in pairs.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    return pairs, neighbours


@compiled("graphs", "sm_75", "sm_80")
def test_a_breadth_first_search_goes_from_frontier_to_frontier(program):
    _, neighbours = random_graph(200, 220, 16)
    starts = np.concatenate([[0], np.cumsum([len(n) for n in neighbours])]).astype(np.int32)
    cols = np.array([v for n in neighbours for v in n], np.int32)
    distance, frontier, level = np.full(200, -1, np.int32), np.zeros(1, np.int32), 0
    distance[0] = 0
    while len(frontier):
        level += 1
        following, size = np.zeros(200, np.int32), np.zeros(1, np.int32)
        program.launch("bfs_step", 4, 64, distance, following, size, frontier, len(frontier), starts, cols, level)
        frontier = following[: size[0]].copy()
    expected, level = {0: 0}, [0]
    while level:
        fresh = {v for u in level for v in neighbours[u]} - expected.keys()
        expected |= dict.fromkeys(fresh, expected[level[0]] + 1)
        level = list(fresh)
    assert distance.tolist() == [expected.get(v, -1) for v in range(200)]


@compiled("graphs", "sm_75", "sm_80", "debug")
def test_edges_unite_components(program):
    pairs, neighbours = random_graph(200, 130, 17)
    parent = np.arange(200, dtype=np.int32)
    program.launch("unite", 3, 64, parent, pairs[:, 0].copy(), pairs[:, 1].copy(), 130)
    program.launch("flatten", 4, 64, parent, 200)
    label = list(range(200))
    changed = True
    while changed:
        lower = [min([label[v], *(label[u] for u in neighbours[v])]) for v in range(200)]
        changed, label = lower != label, lower
    assert parent.tolist() == label


@compiled("graphs", "sm_80", "debug")
def test_all_shortest_paths(program):
    distance = np.random.default_rng(18).integers(1, 100, (30, 30)).astype(np.int32)
    found = distance.copy()
    program.launch("floyd_warshall", 1, 128, found, 30)
    for via in range(30):
        distance = np.minimum(distance, distance[:, via : via + 1] + distance[via])
    np.testing.assert_array_equal(found, distance)


@compiled("graphs", "sm_75", "sm_80")
def test_a_hash_table_counts_its_keys(program):
    values = np.random.default_rng(19).integers(1, 80, 600).astype(np.uint32)
    keys, counts = np.zeros(101, np.uint32), np.zeros(101, np.int32)
    program.launch("insert", 5, 128, keys, counts, 101, values, 600)
    used = keys != 0
    assert dict(zip(keys[used].tolist(), counts[used].tolist(), strict=True)) == {
        value: int((values == value).sum()) for value in set(values.tolist())
    }


# --- texts --------------------------------------------------------------------------------------------------------

WORDS = [b"", b"a", b"fuse", b"The quick brown fox jumps over the lazy dog", b"x" * 55, *(b"%d" % n for n in range(40))]


def joined(words):
    starts = np.cumsum([0, *map(len, words)]).astype(np.int32)
    return np.frombuffer(b"".join(words), np.uint8).copy(), starts


@compiled("texts", "sm_75", "sm_80", "debug")
def test_checksums_are_those_of_zlib(program):
    out = np.zeros(len(WORDS), np.uint32)
    program.launch("crc32", 1, 64, out, *joined(WORDS), len(WORDS))
    assert out.tolist() == [zlib.crc32(word) for word in WORDS]


@compiled("texts", "sm_75", "sm_80")
def test_digests_are_those_of_hashlib(program):
    primes = [n for n in range(2, 312) if all(n % d for d in range(2, n))]
    program.variable("rounds", np.uint32)[:] = [_cube_root_bits(prime) for prime in primes]
    out = np.zeros((len(WORDS), 8), np.uint32)
    program.launch("sha256", 2, 32, out, *joined(WORDS), len(WORDS))
    assert [row.astype(">u4").tobytes() for row in out] == [hashlib.sha256(word).digest() for word in WORDS]


def _cube_root_bits(prime):
    """The first 32 bits behind the point of a prime's cube root."""
    low, high = 0, 8 << 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if Fraction(middle, 2**32) ** 3 <= prime else (low, middle)
    return low & 0xFFFFFFFF


@compiled("texts", "sm_75", "sm_80", "debug")
def test_the_distance_of_two_words(program):
    first, second = b"a kernel is launched on a grid of blocks", b"the kernels were launched in a row of grids"
    out = np.zeros(1, np.int32)
    letters = [np.frombuffer(word, np.uint8).copy() for word in (first, second)]
    program.launch("edit_distance", 1, 64, out, letters[0], len(first), letters[1], len(second), shared=3 * 2 * 64)
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        before, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    assert out[0] == row[-1]


@compiled("texts", "sm_75", "sm_80")
def test_a_pattern_with_wildcards_is_found(program):
    text = bytes(np.random.default_rng(20).choice(list(b"abc"), 1000).tolist())
    found = np.zeros(32, np.uint32)
    letters = np.frombuffer(text, np.uint8).copy()
    program.launch("matches", 16, 64, found, letters, 1000, np.frombuffer(b"a?bc", np.uint8).copy(), 4)
    places = [i for i in range(997) if text[i : i + 1] == b"a" and text[i + 2 : i + 4] == b"bc"]
    assert [i for i in range(1024) if found[i // 32] >> i % 32 & 1] == places


# --- numerics -----------------------------------------------------------------------------------------------------


@compiled("numeric", "sm_75", "sm_80", "sm_90")
def test_a_fourier_transform_in_shared_memory(program):
    signal = reals((3, 256, 2), 21)
    out = signal.copy()
    program.launch("fft", 3, 64, out, 8, shared=256 * 8)
    expected = np.fft.fft(signal[..., 0].astype(np.float64) + 1j * signal[..., 1])
    np.testing.assert_allclose(out[..., 0] + 1j * out[..., 1], expected, atol=1e-4)


@compiled("numeric", "sm_75", "sm_80")
def test_a_step_of_k_means(program):
    points, centres = reals((400, 2), 22), reals((7, 2), 23)
    label, sums, counts = np.zeros(400, np.int32), np.zeros((7, 2), np.float32), np.zeros(7, np.int32)
    program.launch("k_means", 4, 128, label, sums, counts, points, centres, 400, 7, shared=7 * 20)
    nearest = ((points[:, None].astype(np.float64) - centres) ** 2).sum(2).argmin(1)
    np.testing.assert_array_equal(label, nearest)
    np.testing.assert_array_equal(counts, np.bincount(nearest, minlength=7))
    np.testing.assert_allclose(sums, [points[nearest == c].sum(0) for c in range(7)], rtol=1e-4, atol=1e-4)


@compiled("numeric", "sm_75", "sm_80", "debug")
def test_a_convolution_with_weights_in_constant_memory(program):
    weights, image = reals((5, 5), 24), reals((21, 34), 25)
    program.variable("weights", np.float32)[:] = weights.ravel()
    out = np.zeros_like(image)
    program.launch("convolve", (5, 6), (8, 4), out, image, 34, 21)
    padded = np.pad(image.astype(np.float64), 2, mode="edge")
    expected = sum(weights[y, x] * padded[y : y + 21, x : x + 34] for y in range(5) for x in range(5))
    np.testing.assert_allclose(out, expected, atol=1e-4)


@compiled("numeric", "sm_75", "sm_80", "debug")
def test_integrals_recurse_to_the_depth_that_each_lane_needs(program):
    out = np.zeros(40)
    program.launch("integrate", 1, 64, out, 40)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x = 1.5 * (nodes + 1)
    expected = [1.5 * (weights * x ** (i % 5) / (1 + (1 + i // 5) * x * x)).sum() for i in range(40)]
    np.testing.assert_allclose(out, expected, atol=1e-8)


@compiled("numeric", "sm_75", "sm_80")
def test_newtons_method_takes_other_numbers_of_steps(program):
    values = np.geomspace(1e-3, 1e6, 100)
    root, steps = np.zeros(100), np.zeros(100, np.int32)
    program.launch("cube_roots", 2, 64, root, steps, values, 100)
    np.testing.assert_allclose(root, np.cbrt(values), rtol=1e-14)
    assert len(set(steps.tolist())) > 5
