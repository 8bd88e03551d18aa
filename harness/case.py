"""One case of a suite: its axes as attributes, and seeded generators of its inputs.

In: suite, axes, seed (`family` names what replaces some of them: `harness.equality.families`). Out: tensors that depend
on nothing else but the number of the generator's call, so that any machine and any device gets the same inputs: they
are made in FP32 on the CPU, rounded to the case's dtype, then moved.
No generator makes neutral values: a bias of zeros or a scale of ones would hide a kernel that ignores it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from harness.dtypes import Scalar, scalar_named
from harness.sweep import Axes, AxisValue, case_id

if TYPE_CHECKING:
    import numpy as np
    import torch


class Case:
    """`case.batch`, `case.seq`, any other axis, `case.dtype` (a torch dtype), `case.tokens` (batch x seq)."""

    def __init__(self, suite: str, axes: Mapping[str, AxisValue], seed: int = 0, family: str = "") -> None:
        self.suite = suite
        self.axes: Axes = dict(axes)
        self.seed = seed
        self.family = family
        self.id = case_id(axes)
        self._device: Any = "cpu"
        self._calls = 0
        self._huge = family == "far"  # tensors too large to allocate hold few numbers, over and over

    def __getattr__(self, name: str) -> Any:
        axes = self.__dict__.get("axes", {})
        if name in axes:
            return axes[name]
        raise AttributeError(f"case {self.__dict__.get('id')} has no axis {name!r}: it has {', '.join(axes)}")

    def __repr__(self) -> str:
        return f"{self.suite}[{self.name}]"

    @property
    def name(self) -> str:
        """The id, with the family of the inputs: "fp16-b8-s128-near-overflow"."""
        return f"{self.id}-{self.family}" if self.family else self.id

    @property
    def scalar(self) -> Scalar:
        """The row of the case's dtype in `harness.dtypes`."""
        return scalar_named(str(self.axes["dtype"]))

    @property
    def dtype(self) -> torch.dtype:
        return self.scalar.torch

    @property
    def tokens(self) -> int:
        """batch x seq; an axis that the sweep lacks counts as 1."""
        return int(self.axes.get("batch", 1)) * int(self.axes.get("seq", 1))

    def start(self, device: Any) -> None:
        """Begin making inputs, on this torch device: the next generator call is the first again."""
        self._device, self._calls = device, 0

    def randn(self, *shape: int, mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
        """Normally distributed. Activations, biases, and scales too (`mean=1, std=0.1`)."""
        return self._place(self._generator().standard_normal, shape, std, mean)

    def rand(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Uniform from low to high."""
        return self._place(self._generator().random, shape, high - low, low)

    def flags(self, *shape: int, share: float) -> torch.Tensor:
        """True for this share of the elements, bool."""
        import torch

        def drawn(shape: tuple[int, ...]) -> torch.Tensor:
            return torch.from_numpy(self._generator().random(shape, dtype="float32") < share)

        if self._is_huge(shape):
            from harness.equality import sparse

            return sparse.repeated(drawn((sparse.PERIOD,)), shape)
        return torch.empty(shape, dtype=torch.bool, device=self._device).copy_(drawn(shape))

    def randint(self, *shape: int, low: int, high: int, bits: int = 64) -> torch.Tensor:
        """Whole numbers from low to high - 1, int64 or int32."""
        import torch

        def drawn(shape: tuple[int, ...]) -> torch.Tensor:
            return torch.tensor(self._generator().integers(low, high, shape)).to(getattr(torch, f"int{bits}"))

        if self._is_huge(shape):
            from harness.equality import sparse

            return sparse.repeated(drawn((sparse.PERIOD // (bits // 8),)), shape)
        return drawn(shape).to(self._device)

    def lengths(self) -> torch.Tensor:
        """Valid tokens of each sequence, from 1 to seq, int64 [batch]; the first sequence is three quarters full."""
        lengths = self.randint(self.batch, low=1, high=self.seq + 1)
        lengths[0] = max(1, self.seq * 3 // 4)
        return lengths

    def mask(self) -> torch.Tensor:
        """True where a token is valid, bool [batch, seq]; every sequence keeps at least its first token."""
        import torch

        return torch.arange(self.seq, device=self._device) < self.lengths()[:, None]

    def additive_mask(self, masked: float = -10000.0) -> torch.Tensor:
        """BERT's attention mask: 0 where a token is valid, else `masked`; [batch, 1, 1, seq] in the case's dtype."""
        import torch

        return torch.where(self.mask()[:, None, None, :], 0.0, masked).to(self.dtype)

    def _generator(self) -> np.random.Generator:
        import numpy as np

        name = f"{self.seed}/{self.suite}/{self.id}/{self._calls}"
        self._calls += 1
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))

    def _place(self, draw: Callable[..., Any], shape: tuple[int, ...], scale: float, offset: float) -> torch.Tensor:
        """draw() * scale + offset in FP32, then rounded and moved.

        NumPy draws alike on every CPU, torch does not. Torch allocates, since NumPy's memory is less aligned than a
        GPU's and kernels choose wide accesses by alignment.
        """
        import torch

        if self._is_huge(shape):
            from harness.equality import sparse

            count = sparse.PERIOD // torch.empty(0, dtype=self.dtype).element_size()
            return sparse.repeated(self._drawn(draw, (count,), scale, offset), shape)
        return self._drawn(draw, shape, scale, offset).to(self._device)

    def _is_huge(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of this shape must be mapped instead of allocated."""
        if not self._huge:
            return False
        from harness.equality import sparse

        return math.prod(shape) >= sparse.LARGE

    def _drawn(self, draw: Callable[..., Any], shape: tuple[int, ...], scale: float, offset: float) -> torch.Tensor:
        import torch

        tensor = torch.empty(shape)
        draw(out=tensor.numpy(), dtype="float32")
        if scale != 1.0:
            tensor.mul_(scale)
        if offset != 0.0:
            tensor.add_(offset)
        return tensor.to(self.dtype)
