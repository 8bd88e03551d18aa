"""match, elect, redux of FP32 and the clocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

KERNEL = """
.visible .entry k(.param .u64 in, .param .u64 masks, .param .u64 out) {{
.reg .b64 %in, %masks, %out, %at, %v; .reg .b32 %t, %low, %m, %r; .reg .f32 %f, %g; .reg .pred %p; .reg .b32 %q;
ld.param.u64 %in, [in]; ld.param.u64 %masks, [masks]; ld.param.u64 %out, [out]; mov.u32 %t, %tid.x;
mul.wide.u32 %at, %t, 8; add.u64 %in, %in, %at; add.u64 %out, %out, %at;
mul.wide.u32 %at, %t, 4; add.u64 %masks, %masks, %at; ld.global.u32 %m, [%masks];
ld.global.u64 %v, [%in]; cvt.u32.u64 %low, %v; mov.b32 %f, %low; mov.u32 %r, 0; mov.u32 %q, 7;
{0}
st.global.u32 [%out], %r; st.global.u32 [%out+4], %q;
ret;
}}
"""
MASKS = {"whole": [0xFFFFFFFF] * 32, "halves": [0xFFFF] * 16 + [0xFFFF0000] * 16,
         "odd and even": [0x55555555, 0xAAAAAAAA] * 16}  # fmt: skip


@pytest.fixture(params=MASKS)
def warp(request: pytest.FixtureRequest, run: Callable, zeros: Callable) -> Callable:
    """warp(statements, values): the two words of every lane, and the lanes that each names."""
    members = [[lane for lane in range(32) if mask >> lane & 1] for mask in MASKS[request.param]]

    def compute(statements: str, values: np.ndarray, block: int = 32) -> tuple[list[list[int]], list[list[int]]]:
        source, masks, output = zeros(32), zeros(32, np.uint32), zeros(64, np.uint32)
        source[:], masks[:] = values, MASKS[request.param]
        run(KERNEL.format(statements), source, masks, output, block=block)
        return output.reshape(32, 2).tolist(), members

    return compute


@pytest.mark.parametrize("bits", [32, 64])
def test_match(bits: int, warp: Callable) -> None:
    values = np.array([1, 2, 1, 1 << 40 | 1, 3, 3, 2, 1] * 4, np.uint64)
    value = "%low" if bits == 32 else "%v"
    seen = [int(v) & (1 << bits) - 1 for v in values]
    got, members = warp(f"match.any.sync.b{bits} %r, {value}, %m;", values)
    assert [row[0] for row in got] == [
        sum(1 << i for i in members[lane] if seen[i] == seen[lane]) for lane in range(32)
    ]
    for chosen in (values, np.full(32, 5, np.uint64), np.where(np.arange(32) % 2, 4, 5), np.arange(32) // 16):
        chosen = chosen.astype(np.uint64)
        got, members = warp(f"match.all.sync.b{bits} %r|%p, {value}, %m; selp.u32 %q, 1, 0, %p;", chosen)
        same = [len({int(chosen[i]) & (1 << bits) - 1 for i in members[lane]}) == 1 for lane in range(32)]
        assert got == [[sum(1 << i for i in members[lane]) if same[lane] else 0, int(same[lane])] for lane in range(32)]


def test_elect(warp: Callable) -> None:
    got, members = warp("elect.sync %r|%p, %m; selp.u32 %q, 1, 0, %p;", np.zeros(32, np.uint64))
    assert got == [[members[lane][0], int(members[lane][0] == lane)] for lane in range(32)]


@pytest.mark.parametrize("form", ["min", "max", "min.abs", "max.abs.NaN", "min.NaN", "max.NaN"])
def test_redux_of_fp32(form: str, warp: Callable) -> None:
    rng = np.random.default_rng(4)
    cases = [rng.standard_normal(32).astype(np.float32) for _ in range(3)]
    cases[1][5], cases[2][:] = np.nan, np.nan
    cases.append(np.where(np.arange(32) % 3, np.float32(0), np.float32(-0.0)))
    for case in cases:
        bits = case.view(np.uint32)
        got, members = warp(f"redux.sync.{form}.f32 %g, %f, %m; mov.b32 %r, %g;", bits.astype(np.uint64))
        for lane in range(32):
            chosen = [int(bits[i]) & (0x7FFFFFFF if "abs" in form else 0xFFFFFFFF) for i in members[lane]]
            numbers = [b for b in chosen if b & 0x7FFFFFFF <= 0x7F800000]
            if not numbers or ("NaN" in form and len(numbers) < len(chosen)):
                wanted = 0x7FFFFFFF
            else:
                pick = min if form.startswith("min") else max
                wanted = pick(numbers, key=lambda b: -(b & 0x7FFFFFFF) - 1 if b >> 31 else b)
            assert got[lane][0] == wanted


def test_clocks_advance_and_repeat(warp: Callable) -> None:
    statements = """
    .reg .b64 %c<4>; mov.u64 %c0, %clock64; mov.u64 %c1, %globaltimer; mov.u64 %c2, %clock64; mov.u32 %q, %clock;
    sub.u64 %c3, %c2, %c0; cvt.u32.u64 %r, %c3; setp.eq.u64 %p, %c1, 2048; @!%p mov.u32 %r, 0;
    """
    got, _ = warp(statements, np.zeros(32, np.uint64))
    assert got == [[64, 128]] * 32


def test_other_special_registers(warp: Callable) -> None:
    statements = """
    .shared .b8 space[100]; mov.u32 %r, %total_smem_size; mov.u32 %q, %nsmid; mov.u32 %low, %smid; shl.b32 %low, %low, 4;
    add.u32 %q, %q, %low; mov.u32 %low, %cluster_nctarank; shl.b32 %low, %low, 8; add.u32 %q, %q, %low;
    mov.u32 %low, %nclusterid.x; shl.b32 %low, %low, 12; add.u32 %q, %q, %low; mov.u64 %v, %gridid;
    """
    got, _ = warp(statements, np.zeros(32, np.uint64))
    assert got == [[100, 0x1101]] * 32


def test_reserved_shared_memory_lies_before_the_variables(warp: Callable) -> None:
    statements = """
    .shared .b8 space[100]; mov.u32 %r, space; mov.u32 %q, %reserved_smem_offset_end;
    mov.u32 %low, %reserved_smem_offset_1; sub.u32 %q, %q, %low; st.shared.u32 [%low], %q; ld.shared.u32 %q, [%low];
    mov.u64 %v, 0;
    """
    got, _ = warp(statements, np.zeros(32, np.uint64))
    assert got == [[1024, 512]] * 32
