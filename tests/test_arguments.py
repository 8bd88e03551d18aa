"""Arguments of a launch: what each parameter takes, and where it lies."""

import ctypes
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.arguments import ArgumentError, Packer
from harness.entries import Parameter

POINTER, INT, LONG = Parameter("u64", 8, 8), Parameter("u32", 4, 4), Parameter("u64", 8, 8)
SHORT, BYTE = Parameter("u16", 2, 2), Parameter("u8", 1, 1)
FLOAT, DOUBLE = Parameter("f32", 4, 4), Parameter("f64", 8, 8)
TYPES = {"u64": ctypes.c_uint64, "u32": ctypes.c_uint32, "u16": ctypes.c_uint16, "u8": ctypes.c_uint8,
         "f32": ctypes.c_float, "f64": ctypes.c_double}  # fmt: skip


def struct_of(size, align):
    return Parameter("b8", size, align)


@pytest.fixture
def values():
    def convert(parameters, *args):
        return Packer("kernel k", parameters).values(args)

    return convert


def test_tensors_become_addresses_and_none_a_null_pointer(values):
    tensor = torch.zeros(4)
    assert values([POINTER, POINTER], tensor[1:], None) == [tensor.data_ptr() + 4, 0]


def test_whole_numbers_may_be_negative_or_use_the_top_bit(values):
    assert values([INT, INT, LONG, BYTE], -1, 2**32 - 1, -3, True) == [2**32 - 1, 2**32 - 1, 2**64 - 3, 1]


def test_numbers_fill_float_and_double(values):
    assert values([FLOAT, DOUBLE, FLOAT], 1, 2.5, torch.tensor(3.0).item()) == [1.0, 2.5, 3.0]


@pytest.mark.parametrize(
    ("parameter", "arg", "complaint"),
    [
        (INT, torch.zeros(2, 3), r"argument 1, float32\[2, 3\]: the parameter takes a whole number of 32 bits"),
        (INT, 2**33, "argument 1, 8589934592: the parameter takes a whole number of 32 bits"),
        (INT, 1.5, "argument 1, 1.5: the parameter takes a whole number of 32 bits"),
        (POINTER, 1.5, "takes a tensor, None for a null pointer, or a whole number of 64 bits"),
        (FLOAT, torch.zeros(1), r"takes a number \(float\)"),
        (SHORT, 70_000, "a whole number of 16 bits"),
        (struct_of(2, 2), 1.0, "a __half is best passed as float"),
        (struct_of(16, 4), b"short", "takes the 16 bytes of a structure"),
    ],
)
def test_what_a_parameter_does_not_take_is_refused_by_kernel_and_position(values, parameter, arg, complaint):
    with pytest.raises(ArgumentError, match=f"^kernel k: .*{complaint}"):
        values([parameter], arg)


def test_a_wrong_number_of_arguments_is_refused(values):
    with pytest.raises(ArgumentError, match="kernel k: takes 2 arguments, got 1"):
        values([INT, INT], 1)


@given(
    st.lists(st.sampled_from([POINTER, INT, SHORT, BYTE, FLOAT, DOUBLE, struct_of(12, 4), struct_of(3, 1)]), max_size=9)
)
def test_every_parameter_lies_where_c_puts_it(parameters):
    """ctypes lays structures out as the host's C compiler does, and so does CUDA."""
    kinds = [TYPES.get(p.type) or (TYPES["u32"] * 3 if p.align == 4 else TYPES["u8"] * p.size) for p in parameters]
    layout = type("Layout", (ctypes.Structure,), {"_fields_": [(f"f{i}", kind) for i, kind in enumerate(kinds)]})
    packed = Packer("k", parameters).format
    args = [bytes([i + 1] * p.size) if p.type == "b8" else i + 1 for i, p in enumerate(parameters)]
    buffer = struct.pack(packed, *args)
    read = layout.from_buffer_copy(buffer.ljust(ctypes.sizeof(layout), b"\0"))
    for i, parameter in enumerate(parameters):
        field = getattr(read, f"f{i}")
        assert (bytes(field) if parameter.type == "b8" else field) == args[i]
