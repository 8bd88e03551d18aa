"""Kernel names for tables."""

import pytest

from harness.timeline.names import readable


@pytest.mark.parametrize(
    ("mangled", "name"),
    [
        ("_Z9bias_geluIfLi4EEvPT_PKS0_S3_ii", "bias_gelu"),
        ("_Z5scalePf", "scale"),
        ("_ZN7kernels4rows7softmaxI6__halfEEvPT_", "softmax"),
        ("_ZN2at6native12_GLOBAL__N_120softmax_warp_forwardIfEEvv", "softmax_warp_forward"),
    ],
)
def test_a_mangled_name_becomes_the_functions_own(mangled, name):
    assert readable(mangled) == name


@pytest.mark.parametrize("name", ["bias_gelu", "extern_c_kernel", "_Z99short", "_Zunknown", "void at::f<4>(int)"])
def test_other_names_stay_as_they_are(name):
    assert readable(name) == name
