"""Lanes and threads that work together: atomics, locks, shuffles, votes, and lanes that wait for each other."""

from collections import Counter

import numpy as np

from tests.vgpu.programs.build import compiled

ALL = ("sm_75", "sm_80", "sm_90", "debug")
FULL = 0xFFFFFFFF


@compiled("atomics_integer", *ALL)
def test_integer_atomics_add_up_in_any_order(program):
    n = 300
    cells = np.array([5, 5, 10**6, -5, -1, 0, 0], np.int32)
    wrapped, wide = np.array([0, 0, FULL, 0], np.uint32), np.array([0, 0, 0, 0, -1], np.int64)
    program.launch("global_all", 5, 64, cells, wrapped, wide, n)
    low, mixed, wide_mixed, high = FULL, 0, 0, 2**64 - 1
    for i in range(n):
        low &= ~(1 << i % 20)
        mixed ^= i * 0x9E3779B1
        wide_mixed ^= i * 0x9E3779B97F4A7C15 % 2**64
        high &= ~(1 << i % 50)
    total = n * (n - 1) // 2
    least, most = 1000 - 7 * (n - 1), max(i * 31 % 101 for i in range(n))
    expected = [5 + total, 5 - total, least, most, low, 2**25 - 1, mixed]
    assert cells.view(np.uint32).tolist() == [value & FULL for value in expected]
    assert wrapped.tolist() == [n % 10, -n % 13, 0xF0000000 - n + 1, 0x80000000 + n - 1]
    expected = [total * 10**10, -(10**10) * (n - 1), 2**63 + n - 1, wide_mixed, high]
    assert wide.view(np.uint64).tolist() == [value % 2**64 for value in expected]


@compiled("atomics_integer", "sm_80", "debug")
def test_an_atomic_gives_every_thread_another_ticket(program):
    counter, owner = np.zeros(1, np.int32), np.full(500, -1, np.int32)
    program.launch("tickets", 4, 128, counter, owner, 500)
    assert counter[0] == 500
    assert sorted(owner.tolist()) == list(range(500))


@compiled("atomics_integer", *ALL)
def test_shared_memory_has_the_same_atomics(program):
    values, out = np.random.default_rng(1).integers(0, 1000, 777, dtype=np.int32), np.zeros(9, np.int32)
    program.launch("shared_all", 1, 96, out, values, 777)
    assert out[:5].tolist() == [values.sum(), values.min(), (values & 1).sum(), 17, 23]
    assert out[5:].view(np.uint64).tolist() == [int(values.sum()) << 20, int(values.max()) << 33]


@compiled("atomics_float", "sm_80", "sm_90")
def test_floating_atomics_and_compare_and_swap_loops(program):
    n = 320
    f, d = np.zeros(3, np.float32), np.array([0.0, 1.0])
    h, b, s = np.zeros(4, np.float16), np.zeros(2, np.uint16), np.zeros(2, np.uint16)
    program.launch("sums", 5, 64, f, d, h, b, s, n)
    total = n * (n - 1) / 2
    assert f.tolist() == [total / 4, total / 2, max(i * 37 % 257 for i in range(n))]
    np.testing.assert_allclose(d, [total * 1e-3, 2.0**20], rtol=1e-12)
    assert h.tolist() == [n, n / 2, 0, n / 2]
    assert (b.astype(np.uint32) << 16).view(np.float32).tolist() == [n / 4, -n / 8]
    assert s.tolist() == [0, 2**11 - 1]


@compiled("atomic_ref", "sm_75", "sm_80", "sm_90")
def test_atomic_ref_has_all_operations(program):
    cells, wide, real = np.zeros(4, np.int32), np.zeros(1, np.uint64), np.zeros(1, np.float32)
    program.launch("operations", 4, 64, cells, wide, real, 200)
    total = 200 * 199 // 2
    assert cells.tolist() == [total, -199, 2**30 - 1, max(i * 7 % 83 for i in range(200))]
    assert (wide[0], real[0]) == (total * 1000000007, 100)


@compiled("atomic_ref", "sm_75", "sm_80")
def test_a_struct_of_eight_bytes_is_exchanged_whole(program):
    pair = np.zeros(2, np.int32)
    program.launch("pairs", 1, 100, pair, 100)
    assert pair.tolist() == [100, 4950]


@compiled("atomic_ref", "sm_75", "sm_80", "sm_90")
def test_warps_hand_a_value_on_through_flags(program):
    out, expected = np.zeros(8, np.int32), [5]
    program.launch("pass_on", 1, 256, out)
    for warp in range(1, 8):
        expected.append(expected[-1] * 3 + warp)
    assert out.tolist() == expected


@compiled("locks", *ALL)
def test_a_spin_lock_lets_every_lane_in_once(program):
    balance, history = np.zeros(1, np.int32), np.zeros(200, np.int32)
    program.launch("spin", 2, 100, balance, history)
    assert balance[0] == 200
    assert history.all()


@compiled("locks", *ALL)
def test_tickets_are_served_in_order(program):
    balance, order = np.zeros(1, np.int32), np.zeros(24, np.uint32)
    program.launch("tickets", 3, 64, balance, order)
    assert order.tolist() == list(range(24))


@compiled("locks", "sm_75", "sm_80", "debug")
def test_the_last_block_sees_what_all_others_wrote(program):
    values = np.random.default_rng(2).integers(-50, 50, 3000, dtype=np.int32)
    partial, total = np.zeros(7, np.int32), np.zeros(1, np.int32)
    for _ in range(2):
        program.launch("last_block_sums", 7, 64, partial, total, values, 3000)
        assert total[0] == values.sum() == partial.sum()


@compiled("shuffles", *ALL)
def test_shuffles_take_from_the_lane_of_their_mode(program):
    for distance in (1, 5):
        out = np.zeros((10, 32), np.int32)
        program.launch("modes", 1, 32, out, distance)
        lane = np.arange(32)
        up, down = lane - distance, lane + distance
        sources = [
            np.full(32, 5),
            lane // 8 * 8 + lane * 7 % 8,
            np.where(lane >= 3, lane - 3, lane),
            np.where(lane % 16 >= distance, up, lane),
            np.where(lane % 4 < 3, lane + 1, lane),
            np.where(down < 32, down, lane),
            lane ^ 9,
            np.where((lane ^ distance) // 8 <= lane // 8, lane ^ distance, lane),
            31 - lane,
            np.full(32, 31),
        ]
        np.testing.assert_array_equal(out, [source**2 + 3 for source in sources])


@compiled("shuffles", *ALL)
def test_shuffles_move_every_type(program):
    d, wide, h, u = np.zeros(32), np.zeros(32, np.int64), np.zeros((32, 2), np.float16), np.zeros(32, np.uint32)
    program.launch("types", 1, 32, d, wide, h, u)
    lane = np.arange(32)
    np.testing.assert_array_equal(d, (lane ^ 17) * 1.5)
    np.testing.assert_array_equal(wide, np.where(lane < 30, lane + 2, lane) * -(10**10))
    before = np.where(lane > 0, lane - 1, 0)
    np.testing.assert_array_equal(h, np.stack([before, -before], 1))
    np.testing.assert_array_equal(u, 0xF0000000 + (lane + 8) % 32)


@compiled("shuffles", *ALL)
def test_halves_of_a_warp_shuffle_apart(program):
    out = np.zeros(64, np.int32)
    program.launch("divergent", 1, 64, out)
    values = np.arange(1, 65).reshape(4, 16)
    expected = [row.cumsum() if number % 2 == 0 else np.full(16, row.sum()) for number, row in enumerate(values)]
    np.testing.assert_array_equal(out, np.concatenate(expected))


@compiled("votes", "sm_75", "sm_80", "sm_90")
def test_votes_and_matches_see_the_active_lanes(program):
    values = np.random.default_rng(3).integers(0, 8, 64, dtype=np.int32)
    out = np.zeros((64, 10), np.uint32)
    program.launch("votes", 1, 64, out, values)

    def mask(lanes):
        return sum(1 << lane for lane in lanes)

    for first in (0, 32):
        warp = values[first : first + 32].tolist()
        odd = [lane for lane in range(32) if warp[lane] % 2]
        ballot = mask(lane for lane in range(32) if warp[lane] > 3)
        for lane, value in enumerate(warp):
            same = mask(other for other in range(32) if warp[other] == value)
            taken = [mask(other for other in odd if warp[other] > 4), same, 0] if value % 2 else [0, 0, 32 - len(odd)]
            expected = [ballot, 5 in warp, 1, same, same, (FULL + 1) & FULL, *taken, (ballot % (1 << lane)).bit_count()]
            assert out[first + lane].tolist() == expected


@compiled("votes", *ALL)
def test_a_warp_reserves_room_for_its_active_lanes_at_once(program):
    values = np.random.default_rng(4).integers(-5, 5, 400, dtype=np.int32)
    counter, out = np.zeros(1, np.int32), np.zeros(400, np.int32)
    program.launch("aggregate", 4, 128, counter, out, values, 400)
    kept = values[values > 0]
    assert counter[0] == len(kept)
    assert Counter(out[: len(kept)].tolist()) == Counter(kept.tolist())


@compiled("warp_reduce_instructions", "sm_80", "sm_90", "debug")
def test_a_warp_reduces_in_one_instruction(program):
    values = np.random.default_rng(5).integers(-1000, 1000, 64, dtype=np.int32)
    out = np.zeros((64, 10), np.uint32)
    program.launch("reductions", 1, 64, out, values)
    for first in (0, 32):
        warp = values[first : first + 32]
        raw = warp.view(np.uint32)
        same = [warp.sum(), warp.min(), warp.max(), raw.min(), raw.max(), np.bitwise_and.reduce(raw | 0xFF00)]
        same += [np.bitwise_or.reduce(raw & 0xFFFF), np.bitwise_xor.reduce(raw)]
        for lane in range(32):
            part = warp[:10].sum() if lane < 10 else warp[10:].max()
            assert out[first + lane].tolist() == [int(value) & FULL for value in [*same, part, 0]]


@compiled("independent_lanes", *ALL)
def test_lanes_of_one_warp_wait_for_each_other(program):
    out = np.zeros(32, np.int32)
    program.launch("chain", 1, 32, out)
    assert out.tolist() == list(range(32, 0, -1))


@compiled("independent_lanes", *ALL)
def test_parts_of_a_warp_meet_at_barriers_of_their_own(program):
    out, rounds = np.zeros(32, np.int32), np.zeros(1, np.int32)
    program.launch("apart", 1, 32, out, rounds)
    for lane in range(32):
        left = sum(r * 100 + 15 - lane for r in range(5))
        right = -sum(r + (lane + 3) % 16 + 16 for r in range(9))
        assert out[lane] == (left if lane < 16 else right)
    assert rounds[0] == 403 + 8 + 19


@compiled("independent_lanes", *ALL)
def test_a_lane_produces_what_others_consume(program):
    out = np.zeros(32, np.int32)
    program.launch("produce", 1, 32, out)
    assert out[1:].tolist() == [lane * 10 for lane in range(1, 32)]
