"""Each recorded operator against its rule: did it launch what the rule says?

In: a trace. Out: a `Verdict` a call. A call is looked at where the dispatch mode would see it: the outermost operator
that has a rule and is not defined by others. Where the recording has the arguments, the rule's launches must be those
that ran, by family, in order; where it has not, what ran must be of the rule's form. In a recording with gaps what ran
may be a part of either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

from harness.timing.torch_launches.agreement.families import CUDNN, GEMM, LIBRARY, REDUCTION, families, family, matches
from harness.timing.torch_launches.agreement.replay import Candidate, Replay, candidate
from harness.timing.torch_launches.agreement.traced import Operator, Trace
from harness.vgpu.gpus import Gpu

Outcome: TypeAlias = Literal[
    "arguments", "form", "library", "differs", "nothing", "silent", "unchecked", "no rule", "other"
]
COVERED: tuple[Outcome, ...] = ("arguments", "form", "library", "differs")
AGREEING: tuple[Outcome, ...] = ("arguments", "form", "library")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One call. `outcome`: "arguments" and "form" agree, "library" agrees but for kernels that cuBLAS or cuDNN added.

    "nothing" launched nothing, as its rule says; "silent" launched nothing although it might have (its tensors may be
    the CPU's, or empty); "unchecked" has a rule, which needs arguments that were not recorded; "no rule" and "other"
    (no aten operator) launched something.
    """

    trace: str
    operator: str
    outcome: Outcome
    seen: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def verdicts(trace: Trace, gpu: Gpu) -> Iterator[Verdict]:
    """One for each operator that is looked at."""
    replay = Replay(gpu)
    for root in trace.roots:
        yield from _walk(root, trace, replay)


def _walk(operator: Operator, trace: Trace, replay: Replay) -> Iterator[Verdict]:
    found = candidate(operator)
    verdict = _judged(operator, found, trace, replay) if found else None
    if verdict and verdict.outcome != "unchecked":
        yield verdict
        return
    own = [name for _, name in operator.launched]
    inside = [each for child in operator.children for each in _walk(child, trace, replay)]
    yield from inside
    if verdict and not inside:
        yield verdict
    elif own and not verdict:
        aten = operator.name.startswith("aten::")
        yield Verdict(trace.name, operator.name, "no rule" if aten else "other", tuple(map(family, own)))


def _judged(operator: Operator, found: Candidate, trace: Trace, replay: Replay) -> Verdict:
    seen = [family(name) for name in operator.everything()]
    outcome, said = _outcome(operator, found, seen, trace.partial, replay)
    return Verdict(trace.name, operator.name, outcome, tuple(seen), tuple(said))


def _outcome(
    operator: Operator, found: Candidate, seen: Sequence[str], partial: bool, replay: Replay
) -> tuple[Outcome, Sequence[str]]:
    rule = found.rule
    form = rule.form if rule.cost == "operator" else rule.form or ""
    replayed = replay(operator, found) if form != "" else None
    said = families(replayed[0]) if replayed else []
    if not seen:
        launches = bool(said) if replayed else form != ""
        return ("silent" if launches else "nothing"), said
    if replayed:
        outcome = _by_arguments(said, seen, partial)
        if outcome != "differs" or replayed[1]:  # strides were recorded: nothing is left open
            return outcome, said
    if form is None:
        return ("differs" if replayed else "unchecked"), said
    return _by_form(form, seen, partial), said or [form]


def _by_arguments(said: Sequence[str], seen: Sequence[str], partial: bool) -> Outcome:
    if _is_of(said, _named_alike(said, seen), partial):
        return "arguments"
    if LIBRARY & set(said) and _is_of(_once(said), _once(_without_extras(said, seen)), partial):
        return "library"
    return "differs"


def _by_form(form: str, seen: Sequence[str], partial: bool) -> Outcome:
    words = form.split()
    if matches(form, _named_alike(words, seen), partly=partial):
        return "form"
    if LIBRARY & set(words) and matches(form, _once(_without_extras(words, seen)), partly=partial):
        return "library"
    return "differs"


def _is_of(said: Sequence[str], seen: Sequence[str], partial: bool) -> bool:
    """Equal, or in order among them."""
    if not partial:
        return list(said) == list(seen)
    rest = iter(said)
    return all(each in rest for each in seen)


def _named_alike(said: Sequence[str], seen: Sequence[str]) -> list[str]:
    """cuDNN runs matrix products, too: where it is expected, they are its."""
    return [CUDNN if each == GEMM and CUDNN in said else each for each in seen]


def _without_extras(said: Sequence[str], seen: Sequence[str]) -> list[str]:
    """Without memsets and reductions of split products, which are the library's choice."""
    library = CUDNN if CUDNN in said else GEMM
    others = {"memset", REDUCTION} | (LIBRARY if library == CUDNN else set())
    own = set(said)
    return [library if each in others or (library == CUDNN and each not in own) else each for each in seen]


def _once(names: Sequence[str]) -> list[str]:
    """Kernels of a library that follow one another, as one."""
    return [name for name, group in groupby(names) for _ in (group if name not in LIBRARY else [name])]
