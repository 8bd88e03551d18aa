"""What is compared: a fused function, its reference, and the cases on which they must agree.

In: `@suite(...)` above a function that makes the inputs of one case. Out: a `Suite`, which the command line finds by
its name and pytest collects as one test a case: `bias_gelu[fp16-b8-s128]`.

    @suite(fused=kernels.bias_gelu, reference=reference.bias_gelu, launches=1,
           sweep=Sweep(batch=(1, 8, 32), seq=(32, 128), dtype=("fp16", "fp32")))
    def bias_gelu(case):
        return case.randn(case.tokens, 3072), case.randn(3072)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.case import Case
from harness.equality.rules import Replay, Rule
from harness.equality.tensors import argument_names
from harness.errors import FuseproofError
from harness.sweep import AxisValue, Sweep


@dataclass(frozen=True, slots=True)
class Tolerance:
    """An exception to the rule `err(fused) <= 2 * err(naive) + floor`: another factor, and why it is needed."""

    factor: float
    because: str

    def __post_init__(self) -> None:
        if not self.because.strip():
            raise FuseproofError("a Tolerance needs its reason: Tolerance(factor=4, because='...')")


STANDARD = Tolerance(factor=2.0, because="the rule")


@dataclass(frozen=True, eq=False)
class Suite:
    """One comparison. Made by `@suite`; `inputs(case, device)` calls the decorated function."""

    name: str
    make_inputs: Callable[[Case], Any]
    fused: Callable[..., Any]
    reference: Callable[..., Any]
    sweep: Sweep
    launches: int | Callable[[Case], int] | None
    reduction: int | Callable[[Case], int]
    tolerance: Tolerance
    nondeterministic: str
    path: Path
    line: int
    families: Mapping[str, Sequence[str]] = field(default_factory=dict)
    edges: Sweep | None = None
    far: Sweep | None = None
    far_axis: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    writes: Sequence[str] = ()
    replay: Replay | None = None

    def cases(self, overrides: Mapping[str, Sequence[AxisValue]] | None = None, seed: int = 0) -> list[Case]:
        """The cases of the sweep, with the values of `overrides` on the axes that it names."""
        return [Case(self.name, axes, seed) for axes in self.sweep.override(overrides or {})]

    def inputs(self, case: Case, device: Any = "cpu") -> tuple[Any, ...]:
        """The inputs of one case, the same at every call."""
        case.start(device)
        made = self.make_inputs(case)
        inputs = made if isinstance(made, tuple) else (made,)
        if case.family in ("", "far"):
            return inputs
        from harness.equality.families import apply

        return apply(case.family, inputs, argument_names(self.reference), self.families, case)

    def family_names(self) -> tuple[str, ...]:
        """The families of inputs that this suite declares, as a case takes them."""
        from harness.equality.families import expanded

        return expanded(self.families)

    def expected_launches(self, case: Case) -> int | None:
        """How many kernels the fused function must launch; None where the suite does not say."""
        return self.launches(case) if callable(self.launches) else self.launches

    def reduction_length(self, case: Case) -> int:
        """The longest sum behind one output element: the rounding that it may cost enters the floor."""
        return self.reduction(case) if callable(self.reduction) else self.reduction


def suite(
    *,
    fused: Callable[..., Any],
    reference: Callable[..., Any],
    sweep: Sweep,
    launches: int | Callable[[Case], int] | None = None,
    reduction: int | Callable[[Case], int] = 1,
    tolerance: Tolerance = STANDARD,
    nondeterministic: str = "",
    families: Mapping[str, Sequence[str]] | None = None,
    edges: Sweep | None = None,
    far: Sweep | None = None,
    far_axis: Mapping[str, int] | None = None,
    rules: Mapping[str, Rule] | None = None,
    writes: Sequence[str] = (),
    replay: Replay | None = None,
) -> Callable[[Callable[[Case], Any]], Suite]:
    """Turn a function that makes the inputs of one case into a suite.

    `fused` and `reference` take those inputs and return a tensor or several. `launches` is the number of kernels that
    the fused function must put on the GPU (a number, or a function of the case). `reduction` is the length of the
    longest sum behind an output element. `tolerance` states an exception with its reason; `nondeterministic` states
    why two runs may differ in their bits.

    `families` names, for each argument of the reference, the families of inputs (`harness.equality.families`) that it
    must hold for; `edges` are further sizes, at which they are tried, the first ones by default; `far` are sizes too
    large to run, of which the vgpu tries the first and the last blocks; `far_axis` is the dimension along which their
    first and last rows lie, by argument or output ("output"), where it is not 0. `rules` names, for outputs that are
    whole numbers ("output[1]"), a rule of `harness.equality.rules` other than the dtype's own. `writes` names the
    arguments that the fused function writes into (a cache); it returns what it wrote, as views of them, and the
    reference returns the same without writing. `replay` holds outputs that were chosen against what the choices make
    (`harness.equality.replay`).
    """

    def decorate(make_inputs: Callable[[Case], Any]) -> Suite:
        code = make_inputs.__code__
        known = argument_names(reference)
        if unknown := [name for name in writes if name not in known]:
            raise FuseproofError(
                f"{make_inputs.__name__}: writes={unknown}: the reference has no such argument, but {', '.join(known)}"
            )
        return Suite(
            name=make_inputs.__name__,
            make_inputs=make_inputs,
            fused=fused,
            reference=reference,
            sweep=sweep,
            launches=launches,
            reduction=reduction,
            tolerance=tolerance,
            nondeterministic=nondeterministic,
            path=Path(code.co_filename),
            line=code.co_firstlineno,
            families=families or {},
            edges=edges,
            far=far,
            far_axis=far_axis or {},
            rules=rules or {},
            writes=tuple(writes),
            replay=replay,
        )

    return decorate
