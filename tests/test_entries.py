"""Kernels and parameters, read from PTX."""

from harness.entries import Parameter, entries_of

PTX = """
.visible .entry _Z1fI6__halfEvPT_
(
	.param .u64 f_param_0,
	.param .f32 f_param_1,
	.param .align 2 .b8 f_param_2[2],
	.param .align 4 .b8 f_param_3[16]
)
;
.visible .entry plain()
;
.global .align 8 .u64 fuseproof_entry_0 = _Z1fI6__halfEvPT_;
.global .align 8 .u64 fuseproof_entry_1 = plain;
.global .align 8 .u64 something_else = 5;

.visible .entry _Z1fI6__halfEvPT_(
	.param .u64 f_param_0,
	.param .f32 f_param_1,
	.param .align 2 .b8 f_param_2[2],
	.param .align 4 .b8 f_param_3[16]
)
.maxntid 256
{
	ret;
}
"""


def test_variables_lead_to_symbols_and_their_parameters():
    found = entries_of(PTX)
    assert found["fuseproof_entry_0"].symbol == "_Z1fI6__halfEvPT_"
    assert found["fuseproof_entry_0"].parameters == (
        Parameter("u64", 8, 8), Parameter("f32", 4, 4), Parameter("b8", 2, 2), Parameter("b8", 16, 4),
    )  # fmt: skip


def test_a_kernel_without_parameters_has_none():
    assert entries_of(PTX)["fuseproof_entry_1"].parameters == ()


def test_other_variables_are_no_entries():
    assert "something_else" not in entries_of(PTX)
