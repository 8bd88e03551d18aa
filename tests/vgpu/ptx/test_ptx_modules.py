"""Modules: functions, prototypes, directives, lines of the source."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.vgpu.errors import InvalidPtx, UnsupportedPtx, VgpuError
from harness.vgpu.ptx.parser import parse
from harness.vgpu.ptx.program import Module, SourceLine, Variable

Parse = Callable[[str], Module]


def test_version_and_target_are_kept() -> None:
    found = parse(".version 8.4\n.target sm_90a, debug\n.address_size 64\n\0\0", "m")
    assert (found.name, found.version, found.target) == ("m", (8, 4), "sm_90a")


@pytest.mark.parametrize("text", ["", "hello", ".version 9", ".target sm_90", ".version 9.0\n"])
def test_what_is_no_module_is_refused(text: str) -> None:
    with pytest.raises(InvalidPtx):
        parse(text)


def test_addresses_have_64_bits() -> None:
    with pytest.raises(UnsupportedPtx, match="address size"):
        parse(".version 8.0\n.target sm_75\n.address_size 32\n")


def test_directives_of_a_kernel_with_their_numbers(module: Parse) -> None:
    found = module(
        ".visible .entry k()\n.maxntid 256, 1, 1\n.minnctapersm 2\n.explicitcluster\n"
        '.reqnctapercluster 2,1,1\n.pragma "nounroll";\n{ .pragma "nounroll"; ret; }'
    ).functions["k"]
    assert found.directives == {
        "maxntid": (256, 1, 1),
        "minnctapersm": (2,),
        "explicitcluster": (),
        "reqnctapercluster": (2, 1, 1),
    }
    assert found.line == 4


def test_functions_without_a_body_are_prototypes_until_they_have_one(module: Parse) -> None:
    found = module(
        ".func (.param .b32 r) f(.param .b32 x);\n.extern .func (.param .b32 r) vprintf(.param .b64 a, .param .b64 b);\n"
        ".func stop() .noreturn;\n.func (.param .b32 r) f(.param .b32 x) { ret; }\n"
    )
    assert list(found.functions) == ["f"]
    assert list(found.prototypes) == ["vprintf", "stop"]
    assert found.prototypes["vprintf"].returns == (Variable("r", "param", "b32", 4),)
    assert found.prototypes["stop"].directives == {"noreturn": ()}


def test_an_alias_is_the_function_by_another_name(module: Parse) -> None:
    found = module(".func b(); .func a() { ret; } .alias b, a;")
    assert found.functions["b"].blocks == found.functions["a"].blocks
    assert not found.prototypes


def test_a_function_is_defined_once(module: Parse) -> None:
    with pytest.raises(InvalidPtx, match="'k' is declared a second time"):
        module(".entry k() { ret; }\n.entry k() { ret; }")


LINES = """
.entry k() {
    .reg .b32 a;
    mov.u32 a, 0;
    .loc 1 7 3
    mov.u32 a, 1;
    .loc 2 42 5, function_name $L__info_string0, inlined_at 1 7 3
    mov.u32 a, 2;
    .loc 2 43 5, function_name $L__info_string0+16, inlined_at 1 7 3
    mov.u32 a, 3;
    .loc 1 0 3
    mov.u32 a, 4;
    .loc 9 1 1
    ret;
}
.entry l() { ret; }
.file 1 "/a/kernel.cu"
.file 2 "/a/it's \\"quoted\\".cuh", 12345, 678
"""


def test_an_instruction_keeps_the_innermost_line_of_the_source(module: Parse) -> None:
    found = module(LINES).functions
    assert [i.source and SourceLine(i.source.file, i.source.line) for i in found["k"].blocks[0].instructions] == [
        None,
        SourceLine("/a/kernel.cu", 7),
        SourceLine('/a/it\'s "quoted".cuh', 42),
        SourceLine('/a/it\'s "quoted".cuh', 43),
        None,
        None,
    ]
    assert found["l"].blocks[0].instructions[0].source is None
    assert [i.line for i in found["k"].blocks[0].instructions] == [7, 9, 11, 13, 15, 17]


def test_a_line_that_was_inlined_knows_the_chain_up_to_the_kernel(module: Parse) -> None:
    text = """
.entry k() {
    .loc 1 52 9
    .loc 2 4690 51, function_name $a, inlined_at 1 52 9
    .loc 3 549 1, function_name $b, inlined_at 2 4690 51
    membar.gl;
    .loc 1 60 9
    .loc 2 4690 51, function_name $a, inlined_at 1 60 9
    ret;
}
.file 1 "k.cu"
.file 2 "a.cuh"
.file 3 "b.cuh"
"""
    fence, ret = (i for block in module(text).functions["k"].blocks for i in block.instructions)
    assert fence.source == SourceLine("b.cuh", 549, SourceLine("a.cuh", 4690, SourceLine("k.cu", 52)))
    assert fence.source.outermost == SourceLine("k.cu", 52)
    assert ret.source is not None
    assert ret.source.outermost == SourceLine("k.cu", 60)


# --- anything that is no PTX is refused in words -----------------------------------------------

VALID = """.version 9.0 .target sm_90 .address_size 64 .file 1 "a.cu"
.extern .func ( .param .b32 r ) f ( .param .b64 a ) ;
.global .align 8 .u64 t [ 2 ] = { generic( g ) + 4 , 3 } ;
.visible .entry k ( .param .u64 .ptr .global a , .param .align 8 .b8 b [ 24 ] ) .maxntid 256 , 1 , 1
{ .reg .pred %p < 3 > ; .reg .b32 %r < 3 > ; .shared .v2 .f32 s ; .loc 1 2 3 , function_name x , inlined_at 1 2 3
T : .branchtargets L , M ; @ ! %p1 bra L ; brx.idx %r1 , T ; L : setp.eq.u32 %p1 | %p2 , %r1 , 1 + 2 ;
{ .param .b32 q ; call.uni ( q ) , f , ( %r1 ) ; ld.param.b32 %r1 , [ q + 0 ] ; } M : ret ; }""".replace(
    "generic( g )", "generic ( u )"
).replace(".global .align 8", ".global .b32 u ; .global .align 8")
TOKENS = VALID.split()


def test_the_valid_text_is_valid() -> None:
    assert list(parse(VALID).functions) == ["k"]


@settings(max_examples=300)
@given(
    st.integers(0, len(TOKENS) - 1),
    st.sampled_from(["drop", "replace", "insert", "cut"]),
    st.sampled_from([*sorted(set(TOKENS)), "`", '"', "0x", "999", "/*", "%"]),
)
def test_a_broken_text_raises_an_error_of_ours_or_still_parses(at: int, how: str, token: str) -> None:
    broken = {
        "drop": TOKENS[:at] + TOKENS[at + 1 :],
        "replace": [*TOKENS[:at], token, *TOKENS[at + 1 :]],
        "insert": [*TOKENS[:at], token, *TOKENS[at:]],
        "cut": TOKENS[:at],
    }[how]
    message = _error_of(" ".join(broken))
    assert message is None or message.startswith("<ptx>:")


def _error_of(text: str) -> str | None:
    try:
        parse(text)
    except VgpuError as error:
        return str(error)
    return None
