"""The composed encoder layer asks nothing of torch but GEMMs: everything else is a view or a fused kernel."""

from collections import Counter

from torch.utils._python_dispatch import TorchDispatchMode

from suites.encoder.test_encoder_layer import encoder_layer

NO_KERNEL = {"view", "_unsafe_view", "t", "transpose", "select", "unbind", "empty", "new_empty", "empty_like", "detach"}


class Operators(TorchDispatchMode):
    """Counts aten operators by name."""

    def __init__(self):
        super().__init__()
        self.seen = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen[func._schema.name.removeprefix("aten::")] += 1
        return func(*args, **(kwargs or {}))


def test_torch_launches_six_gemms_and_nothing_else(device):
    case = encoder_layer.cases()[0]
    inputs = encoder_layer.inputs(case, device.torch)
    with Operators() as operators:
        encoder_layer.fused(*inputs)
    launching = {name: count for name, count in operators.seen.items() if name not in NO_KERNEL}
    assert launching == {"mm": 4, "bmm": 2}
