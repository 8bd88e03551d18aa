"""Programs on which the engines once disagreed, each as small as it became."""

from __future__ import annotations

from random import Random

import pytest

from tests.vgpu.differential.cases import build
from tests.vgpu.differential.compare import Disagreement, disagreement
from tests.vgpu.differential.engines import AVX2
from tests.vgpu.differential.statements import Line


def outcome(statements: str, target=None) -> Disagreement | None:
    """Of a program of these lines; `{m}` is the mask of all lanes of the warp."""
    lines = tuple(Line((text.strip(),), True) for text in statements.strip().splitlines())
    return disagreement(build([lines], Random(54)), target=target)


@pytest.mark.parametrize(
    "conversion",
    [
        "cvt.rn.f16.f64 %h1, %fd2;",
        "fma.rn.f16 %h0, %h1, %h0, %h2;",
        "fma.rn.sat.f16x2 %x1, %x0, %x0, %x0;",
        "cvt.rn.f16.u32 %h0, %r0;",
    ],
)
def test_double_to_half_needs_no_library_on_a_cpu_without_half_arithmetic(conversion):
    assert outcome(conversion, AVX2) is None


def test_a_shuffle_by_register_and_a_scattered_shared_load_share_a_kernel():
    found = outcome("""
        shfl.sync.bfly.b32 %r0, %r1, %tx, 31, {m};
        and.b32 %t1, %r0, 7;
        st.shared.b32 [%xch], %r2;
        bar.sync 0;
        ld.shared.b32 %r0, [%xch];
    """)
    assert found is None


@pytest.mark.parametrize(
    "instruction",
    ["vote.sync.any.pred %p0, !%p1, %t7;", "vote.sync.all.pred %p0, %p1, %t7;", "vote.sync.uni.pred %p0, %p1, %t7;",
     "vote.sync.ballot.b32 %r0, %p1, %t7;", "redux.sync.add.u32 %r0, %r1, %t7;"],
)  # fmt: skip
def test_each_tile_of_a_warp_votes_for_itself(instruction):
    assert outcome(f"""
        and.b32 %t6, %ln, 30;
        mov.b32 %t7, 3;
        shl.b32 %t7, %t7, %t6;
        and.b32 %t7, %t7, {{m}};
        {instruction}
    """) is None  # fmt: skip


def test_lanes_vote_together_in_two_places():
    assert (
        outcome("""
        @%p1 bra OTHER;
        vote.sync.ballot.b32 %r5, %p3, {m};
        bra END;
        OTHER:
        vote.sync.ballot.b32 %r4, %p2, {m};
        END:
    """)
        is None
    )
