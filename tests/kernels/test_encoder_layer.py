"""Composed encoders ask nothing of torch but GEMMs, and one number: everything else is a view or a fused kernel."""

from collections import Counter

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from suites.encoder.test_encoder import effective_encoder
from suites.encoder.test_encoder_layer import encoder_layer
from suites.encoder.test_other_layers import encoder_layer_relu, encoder_layer_split

NO_KERNEL = {
    "view", "_unsafe_view", "t", "transpose", "select", "slice", "unbind", "empty", "new_empty", "empty_like", "detach",
}  # fmt: skip


class Operators(TorchDispatchMode):
    """Counts aten operators by name."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen[func._schema.name.removeprefix("aten::")] += 1
        return func(*args, **(kwargs or {}))


def small(suite, layers):
    """One case of a suite, of another size."""
    axes = {"batch": 3, "seq": 9, "heads": 4, "size": 32, "layers": layers, "dtype": "fp32"}
    return suite.cases({name: [value] for name, value in axes.items()})[0]


@pytest.mark.parametrize(
    ("suite", "expected"),
    [
        (encoder_layer, {"mm": 4}),
        (encoder_layer_relu, {"mm": 3, "_addmm_activation": 1}),
        (encoder_layer_split, {"mm": 4, "bmm": 2}),
        (effective_encoder, {"mm": 8, "_local_scalar_dense": 1}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_torch_launches_gemms_and_nothing_else(device, suite, expected):
    inputs = suite.inputs(small(suite, layers=2), device.torch)
    with Operators() as operators:
        suite.fused(*inputs)
    launching = {name: count for name, count in operators.seen.items() if name not in NO_KERNEL}
    assert launching == expected


def test_padding_anywhere_in_a_sequence_is_left_out(agree, device):
    x, masked, heads, layers = effective_encoder.inputs(small(effective_encoder, layers=1), device.torch)
    masked[0, ..., 3] = True
    masked[1] = True  # a sequence without any token
    agree(effective_encoder.fused, effective_encoder.reference, x, masked, heads, layers, reduction=512)
