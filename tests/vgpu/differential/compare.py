"""Do both engines agree on a group of programs, and if not, on how small a program do they still differ?

In: a group. Out: a disagreement, or None; a failing group shrinks to the fewest statements that still fail alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from harness.vgpu.errors import VgpuError
from harness.vgpu.jit.target import Target
from harness.vgpu.run.mode import Mode
from tests.vgpu.differential.cases import ACCUMULATOR_BYTES, Case, Group, build
from tests.vgpu.differential.engines import MODES, Memory, compiled, interpreted
from tests.vgpu.differential.programs import SLOT_BYTES
from tests.vgpu.differential.statements import Statement, Statements, bodies

STRIDE = {"out": 4, "slot": SLOT_BYTES, "acc": ACCUMULATOR_BYTES}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`way`: how the JIT ran. `what`: the first difference, or the error that one engine raised."""

    case: Case
    way: str
    what: str

    def __str__(self) -> str:
        return f"{self.way}: {self.what}\n{self.case.threads} threads, parameters {self.case.uniform}\n{self.case.body}"


def disagreement(case: Case, modes: dict[str, Mode] = MODES, target: Target | None = None) -> Disagreement | None:
    """The first way in which the JIT leaves other bytes than the interpreter. Raises Illegal for a bad program."""
    expected = interpreted(case)
    try:
        code = compiled(case, target)
    except (VgpuError, RuntimeError) as error:  # RuntimeError: LLVM
        return Disagreement(case, "compile", str(error))
    for name, mode in modes.items():
        try:
            got = code.run(case, mode)
        except VgpuError as error:
            return Disagreement(case, name, str(error))
        if got != expected:
            return Disagreement(case, name, _first_difference(case, expected, got))
    return None


def _first_difference(case: Case, expected: Memory, got: Memory) -> str:
    for name in expected:
        for at, (a, b) in enumerate(zip(expected[name], got[name], strict=True)):
            if a != b:
                return _place(case, name, at, expected[name], got[name])
    raise AssertionError("no difference")


def _place(case: Case, name: str, at: int, expected: bytes, got: bytes) -> str:
    stride = STRIDE.get(name, len(expected))
    number, word = at // stride, at - at % 4
    block, thread = divmod(number, case.threads) if name in ("out", "slot") else (number, 0)
    values = [f"{int.from_bytes(b[word : word + 4], 'little'):#010x}" for b in (expected, got)]
    return f"buffer {name}, block {block}, thread {thread}, byte {at % stride}: {values[0]} expected, {values[1]} found"


# --- shrinking --------------------------------------------------------------------------------


def shrunk(group: Group, target: Target | None = None, patience: int = 2000) -> Disagreement | None:
    """The smallest failing program that dropping statements finds; None where no program fails alone."""

    def failure(program: Statements) -> Disagreement | None:
        inputs = Random(f"{group.seed} inputs {group.numbers[0]}")
        try:
            return disagreement(build([program], inputs), target=target)
        except Exception:  # the smaller program is not a legal one
            return None

    for program in group.programs:
        found = failure(program)
        if found is None:
            continue
        for _ in range(patience):
            smaller = next(((p, f) for p in reductions(program) if (f := failure(p))), None)
            if smaller is None:
                break
            program, found = smaller
        return found
    return None


def reductions(statements: Statements) -> Iterator[Statements]:
    """Smaller programs: halves first, then without one statement, then a statement's inside in its place."""
    size = len(statements) // 2
    while size >= 1:
        for start in range(0, len(statements), size):
            yield statements[:start] + statements[start + size :]
        size //= 2
    for at, statement in enumerate(statements):
        for inside in _insides(statement):
            yield (*statements[:at], *inside, *statements[at + 1 :])
        for smaller in _smaller(statement):
            yield (*statements[:at], smaller, *statements[at + 1 :])


def _insides(statement: Statement) -> Iterator[Statements]:
    for _, _, body in bodies(statement):
        yield body


def _smaller(statement: Statement) -> Iterator[Statement]:
    for field, index, body in bodies(statement):
        for less in reductions(body):
            if index is None:
                yield replace(statement, **{field: less})
            else:
                whole = getattr(statement, field)
                yield replace(statement, **{field: (*whole[:index], less, *whole[index + 1 :])})
