"""Code that counts, beside code that does not: what each holds, and what is known of its nodes."""

from __future__ import annotations

import pytest

from harness.vgpu.jit import compile as jit
from harness.vgpu.jit.facts import load_rounds
from harness.vgpu.jit.lowering import lower
from harness.vgpu.layout import offset
from harness.vgpu.ptx.parser import parse
from tests.vgpu.jit.ptx_bench import HEADER

KERNEL = """
.entry k(.param .u64 memory) {
.reg .pred %p; .reg .b32 %t, %x, %y, %z; .reg .b64 %a, %b, %c;
ld.param.u64 %a, [memory];
mov.u32 %t, %tid.x;
mul.wide.u32 %b, %t, 4;
add.u64 %a, %a, %b;
ld.global.u32 %x, [%a];
setp.lt.u32 %p, %t, 7;
@%p bra end;
st.global.u32 [%a], %t;
end:
ret;
}
"""
COUNTS = f"ptr %warp, i64 {offset('vgpu_warp', 'node_counts')}\n"
HELPER = f", i64 {offset('vgpu_helpers', 'counted_load')}\n"


@pytest.fixture(scope="module")
def module():
    return parse(HEADER + KERNEL, "k.ptx")


def lowered(module, counts):
    return lower(module, module.functions["k"], jit.host(), counts)


def test_code_that_does_not_count_has_no_trace_of_counters(module):
    plain, counting = (lowered(module, counts) for counts in (False, True))
    assert COUNTS not in plain.ir
    assert HELPER not in plain.ir
    assert COUNTS in counting.ir
    assert HELPER in counting.ir
    assert plain.facts == ()


def test_both_number_their_accesses_alike(module):
    plain, counting = (lowered(module, counts) for counts in (False, True))
    assert plain.sites == counting.sites
    assert [site.access for site in plain.sites] == ["load", "store"]
    assert tuple(plain.frame.symbols) == tuple(counting.frame.symbols)


def test_facts_are_of_every_instruction(module):
    facts = lowered(module, True).facts
    instructions = [i for block in module.functions["k"].blocks for i in block.instructions]
    assert sum(sum(each.instructions.values()) for each in facts) == len(instructions)
    assert sum(sum(each.lines.values()) for each in facts) == len(instructions)
    assert sum(each.branches for each in facts) == 1


@pytest.mark.parametrize(
    ("body", "rounds"),
    [
        ("add.u32 %x, %y, %z;", 0),
        ("ld.global.u32 %x, [%a]; ld.global.u32 %y, [%b];", 1),
        ("ld.global.u64 %b, [%a]; ld.u32 %x, [%b];", 2),
        ("ld.global.u64 %b, [%a]; add.u64 %c, %b, 4; atom.global.add.u32 %x, [%c], 1;", 2),
        ("ld.global.u64 %b, [%a]; mov.u64 %b, %a; ld.global.u32 %x, [%b];", 1),  # overwritten
        ("ld.shared.u64 %b, [%a]; ld.global.u32 %x, [%b];", 1),  # shared memory answers at once
        ("ld.global.u32 %x, [%a]; st.global.u32 [%b], %x; red.global.add.u32 [%b], %x;", 1),
    ],
)
def test_load_rounds_are_the_longest_chain_of_loads(body, rounds):
    text = f"{HEADER}.entry k() {{ .reg .b32 %x, %y, %z; .reg .b64 %a, %b, %c; {body} ret; }}"
    (block,) = parse(text, "k.ptx").functions["k"].blocks
    assert load_rounds(block.instructions) == rounds
