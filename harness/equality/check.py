"""The whole equality check of one case: oracle, naive reference, guarded runs of the fused function, comparison.

In: a suite, a case, the device. Out: a `Verdict`. Whatever goes wrong in the fused function is a verdict too, so that
one broken case leaves the others alone; a fault on the vgpu brings its whole report.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from harness.case import Case
from harness.device import Device
from harness.equality.compare import Terms, compare, failure
from harness.equality.guards import GuardError, guarded_call, repeated_call
from harness.equality.tensors import map_tensors, tensors_in, to_double
from harness.errors import FuseproofError
from harness.results.record import Mismatch, Verdict
from harness.suite import Suite


def check(suite: Suite, case: Case, device: Device) -> Verdict:
    """Whether the fused function equals the reference on this case, by docs/design.md, section 5."""
    inputs = suite.inputs(case, device.torch)
    with torch.no_grad():
        oracle = suite.reference(*to_double(map_tensors(torch.clone, inputs)))
        naive = suite.reference(*map_tensors(torch.clone, inputs))
    terms = Terms(suite.tolerance.factor, suite.reduction_length(case), [t for _, t in tensors_in(inputs, "input")])
    name = f"{suite.name}'s fused function"
    try:
        with _order(device, reverse=False):
            first = guarded_call(suite.fused, inputs, name)
            device.synchronize()
        verdict = compare(first, naive, oracle, terms)
        if not verdict.passed:
            return verdict
        with _order(device, reverse=True):
            if suite.nondeterministic:
                return compare(guarded_call(suite.fused, inputs, name), naive, oracle, terms)
            repeated_call(suite.fused, inputs, name, first)
        return verdict
    except GuardError as seen:
        return failure(str(seen), _mismatch(seen, naive, oracle))
    except FuseproofError as error:
        return failure(str(error))
    except Exception as error:
        return failure(f"the fused function raised {type(error).__name__}: {error} ({_place(error)})")


@contextmanager
def _order(device: Device, *, reverse: bool) -> Iterator[None]:
    """On the vgpu: every access checked, blocks and warps in this order, so that a missing barrier shows."""
    if device.vgpu is None:
        yield
        return
    from harness.vgpu.run.mode import Mode

    with device.vgpu.using(Mode(checked=True, counted=False, reverse=reverse)):
        yield


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
