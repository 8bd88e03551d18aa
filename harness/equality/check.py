"""The whole equality check of one case: oracle, naive reference, guarded runs of the fused function, comparison.

In: a suite, a case, the device. Out: a `Verdict`. Whatever goes wrong in the fused function is a verdict too, so that
one broken case leaves the others alone; a fault on the vgpu brings its whole report.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from typing import Any

import torch

from harness.case import Case
from harness.device import Device
from harness.equality import families, far, policy
from harness.equality.compare import NO_TEST, Neighbours, compare, failure
from harness.equality.conditions import FIRST, Conditions, second, single_changes, under
from harness.equality.guards import Call, GuardError, changed_inputs, guarded_call, repeated_call, unlike
from harness.equality.replay import compare_replayed
from harness.equality.tensors import argument_names, map_tensors, outputs_of, tensors_in, to_double
from harness.equality.terms import Terms
from harness.equality.verdicts import nothing_compared
from harness.errors import FuseproofError
from harness.kernel import LaunchError, counted_launches
from harness.results.record import Mismatch, Verdict
from harness.suite import STANDARD, Suite

REDRAWN = 8  # seeds that are tried before a case's inputs count as no test
SMALL = 1 << 17  # elements of the outputs: up to here a case gets the guards that cost a run, or a run's speed


def check(suite: Suite, case: Case, device: Device) -> Verdict:
    """Whether the fused function equals the reference on this case, by docs/design.md, section 5."""
    verdict = _check(suite, case, device)
    if NO_TEST in verdict.reason:
        verdict = _drawn_again(suite, case, device) or verdict
    return replace(verdict, notes=(*verdict.notes, *_exceptions(suite)))


def _drawn_again(suite: Suite, case: Case, device: Device) -> Verdict | None:
    """The verdict on other inputs of the same case, where a few elements were close to zero by chance.

    None where none of `REDRAWN` draws is a test either: then it is no chance.
    """
    for seed in range(case.seed + 1, case.seed + 1 + REDRAWN):
        verdict = _check(suite, Case(case.suite, case.axes, seed, case.family), device)
        if NO_TEST not in verdict.reason:
            note = f"its inputs are those of seed {seed}: those of seed {case.seed} are no test"
            return replace(verdict, notes=(*verdict.notes, note))
    return None


def _check(suite: Suite, case: Case, device: Device) -> Verdict:
    if case.family == families.FAR:
        return far.check(suite, case, device)
    inputs = suite.inputs(case, device.torch)
    arguments = argument_names(suite.reference)
    if not case.family:
        families.require_not_neutral(inputs, arguments)
    with torch.no_grad():
        oracle = suite.reference(*to_double(map_tensors(torch.clone, inputs)))
        naive = suite.reference(*map_tensors(torch.clone, inputs))
    name = f"{suite.name}'s fused function"
    call = Call(suite.fused, inputs, name, arguments, suite.writes)
    if device.vgpu is None and not families.is_layout(case.family):
        call = call.between_zones()
    attempt = _Attempt(suite, case, device, call, naive, oracle)
    try:
        with counted_launches() as launched:
            return attempt.verdict()
    except GuardError as seen:
        return failure(str(seen), _mismatch(seen, naive, oracle))
    except LaunchError as error:
        return failure(str(error))
    except FuseproofError as error:
        if families.is_layout(case.family) and not launched:
            return nothing_compared(f"refused: {error}")
        return failure(str(error))
    except Exception as error:
        return failure(f"the fused function raised {type(error).__name__}: {error} ({_place(error)})")


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One case on its way to a verdict."""

    suite: Suite
    case: Case
    device: Device
    call: Call
    naive: Any
    oracle: Any

    def verdict(self) -> Verdict:
        first = self.run(FIRST)
        verdict = self.compared(first)
        if not verdict.passed:
            return verdict
        small = _elements(first) <= SMALL
        conditions = second(self.device, small=small)
        if self.suite.nondeterministic:
            return self.compared(self.run(conditions))
        kept = map_tensors(torch.clone, first)
        repeated_call(lambda: self.run(conditions), self.call, first, lambda: self.blame(conditions, kept))
        if small and not self.case.family:
            self.must_follow_its_inputs(kept)
        return verdict

    def run(self, conditions: Conditions) -> Any:
        with under(self.device, conditions, self.call.inputs):
            return guarded_call(self.call, conditions.pattern)

    def compared(self, fused: Any) -> Verdict:
        """By the policy; where that fails, with what rounding alone makes of these inputs allowed as well."""
        inputs = [tensor for _, tensor in self.call.tensors()]
        terms = Terms(
            factor=self.suite.tolerance.factor,
            reduction=self.suite.reduction_length(self.case),
            inputs=inputs,
            arguments=self.call.inputs,
            rules=self.suite.rules,
            scalar=self.case.scalar,
            impostors=not self.case.family,
        )
        if self.suite.replay:
            verdict = compare_replayed(fused, self.naive, self.suite.replay, terms)
            if verdict.passed or not verdict.used < _HOPELESS:
                return verdict
            again = compare_replayed(fused, self.naive, self.suite.replay, terms, near=self.near())
            return again if again.passed else verdict
        verdict = compare(fused, self.naive, self.oracle, terms)
        if verdict.passed or not verdict.used < _HOPELESS:
            return verdict
        again = compare(fused, self.naive, self.oracle, terms, self.neighbours(terms))
        return again if again.passed else verdict

    def neighbours(self, terms: Terms) -> Neighbours:
        """The references at inputs that rounding has moved."""
        inputs, draws = self.call.inputs, _draws(self.naive)
        with torch.no_grad():
            shaken = self.suite.reference(*_shaken(inputs, policy.shake(terms.reduction)))
            near = [_near(inputs, seed) for seed in range(draws)]
            pairs = [(self.suite.reference(*each), self.suite.reference(*to_double(each))) for each in near]
        return Neighbours(shaken, pairs)

    def near(self) -> list[tuple[tuple[Any, ...], Any]]:
        """Inputs that rounding has moved, with what the reference gives; none where there are many elements."""
        moved = [_near(self.call.inputs, seed) for seed in range(_draws(self.naive))]
        with torch.no_grad():
            return [(inputs, self.suite.reference(*inputs)) for inputs in moved]

    def blame(self, conditions: Conditions, kept: Any) -> str:
        """Which single change of circumstances makes the outputs differ; "" where none alone does."""
        for single, meaning in single_changes(conditions):
            if unlike(kept, self.run(single), self.call.name):
                return meaning
        return "only several changes together show it: order of blocks, workers, uninitialised memory"

    def must_follow_its_inputs(self, kept: Any) -> None:
        """Other values in the same memory must give other outputs, unless the reference's stay the same as well."""
        before = map_tensors(torch.clone, self.call.inputs)
        try:
            changed_inputs(self.call.inputs)
            if unlike(kept, self.run(FIRST), self.call.name):
                return
            with torch.no_grad():
                expected = self.suite.reference(*map_tensors(torch.clone, self.call.inputs))
            if unlike(self.naive, expected, self.call.name):
                raise GuardError(
                    f"{self.call.name} returned the same output for other values in the same inputs: a kept one"
                )
        finally:
            for (_, tensor), (_, values) in zip(self.call.tensors(), tensors_in(before, "input"), strict=True):
                tensor.copy_(values)


_HOPELESS = 1e6  # times what is allowed: no conditioning explains it


def _shaken(inputs: tuple[Any, ...], by: float) -> tuple[Any, ...]:
    """The inputs in FP64, each element a relative `by` larger or smaller."""
    generator = torch.Generator().manual_seed(0)

    def shake(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point():
            return tensor
        signs = torch.randint(0, 2, tensor.shape, generator=generator).to(tensor.device) * 2 - 1
        return tensor.double() * (1 + by * signs)

    moved = map_tensors(shake, inputs)
    return tuple(value * (1 + by) if isinstance(value, float) else value for value in moved)


def _near(inputs: tuple[Any, ...], seed: int) -> tuple[Any, ...]:
    """Inputs of the same dtypes, each element within a share `policy.NEAR` of the given one."""
    generator = torch.Generator().manual_seed(seed)

    def move(tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.is_floating_point():
            return tensor.clone()
        drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.device) * 2 - 1
        return (tensor.double() * (1 + policy.NEAR * drawn)).to(tensor.dtype)

    return map_tensors(move, inputs)


def _elements(outputs: Any) -> int:
    """How many the outputs have in all."""
    return sum(tensor.numel() for _, tensor in outputs_of(outputs, "the function"))


def _draws(naive: Any) -> int:
    """Of how many more inputs the naive error is taken. Whole numbers are not rounded: a thousand tokens and one score
    are one draw of an error."""
    rounded = sum(tensor.numel() for _, tensor in outputs_of(naive, "the reference") if tensor.is_floating_point())
    return policy.NEIGHBOURS if rounded <= policy.FEW else 0


def _exceptions(suite: Suite) -> tuple[str, ...]:
    """What this suite asks other than the rule, each with its reason."""
    found = []
    if suite.tolerance is not STANDARD:
        found.append(f"{suite.tolerance.factor:g} times the naive error is allowed, not 2: {suite.tolerance.because}")
    if suite.nondeterministic:
        found.append(f"two runs may differ: {suite.nondeterministic}")
    return tuple(found)


def _mismatch(seen: GuardError, naive: Any, oracle: Any) -> Mismatch | None:
    """Where a guard saw it, with what the references have there; None for what is not about one element."""
    expected, exact = dict(tensors_in(naive, "output")), dict(tensors_in(oracle, "output"))
    if seen.output not in expected or len(seen.index) != expected[seen.output].dim():
        return None
    at = seen.index
    return Mismatch(seen.output, at, float(expected[seen.output][at]), seen.got, float(exact[seen.output][at]))


def _place(error: BaseException) -> str:
    """The file and line where an exception was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{frame.filename}:{frame.lineno}"
