"""The support table: which instructions the vgpu runs, by family, written from the rules themselves.

`python -m harness.vgpu.jit.rules.support` writes docs/ptx-support.md. Tables of whole forms are listed as they are.
Families that take modifiers apart are asked: of the PTX ISA's axes below, each value is listed that the rules take
in some combination, and each that they refuse in all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

from harness.vgpu.jit import rules, specials
from harness.vgpu.jit.effects import CONTROL
from harness.vgpu.jit.emitter import LANES, Emitter
from harness.vgpu.jit.rules import refused, runtime
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.ptx.program import Instruction

PAGE = Path(__file__).parents[4] / "docs" / "ptx-support.md"

INTEGERS = "b8 b16 b32 b64 b128 u8 u16 u32 u64 s8 s16 s32 s64".split()
FLOATS = "f16 f16x2 bf16 bf16x2 f32 f64".split()
ROUNDINGS = ["", "rn", "rna", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi", "rs"]
SPACES = ["", "global", "shared", "shared::cta", "shared::cluster", "local", "const", "param"]
COMPARISONS = "eq ne lt le gt ge lo ls hi hs equ neu ltu leu gtu geu num nan".split()
NUMBERS = [t for t in (*INTEGERS, *FLOATS) if t[0] in "usfb" and t not in ("b8", "b16", "b32", "b64", "b128")]
SHORT_PAIRS = "e4m3x2 e5m2x2 e2m1x2 ue8m0x2 tf32".split()
MMA_TYPES = "f16 bf16 tf32 f32 f64 s32 s8 u8 s4 u4 b1 e4m3 e5m2 e2m1".split()
MMA_SHAPES = [
    "m8n8k4", "m8n8k16", "m8n8k32", "m8n8k128", "m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32", "m16n8k64", "m16n8k128",
    "m16n8k256", "m16n16k8", "m16n16k16", "m32n8k16", "m8n32k16",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """An opcode whose modifiers are taken apart: axes in the order that the ISA writes them, "" for none."""

    opcode: str
    axes: dict[str, list[str]]

    def forms(self) -> Iterator[tuple[str, ...]]:
        return product(*self.axes.values())


MIXED = ["s8.u8", "u8.s8", "s4.u4", "u4.s4", "e4m3.e5m2", "e5m2.e4m3"]
PAIRS = [*(f"{type_}.{type_}" for type_ in MMA_TYPES), *MIXED]
SUMS = ["f16", "f32", "f64", "s32"]
LAYOUTS = ["row.row", "row.col", "col.row", "col.col"]
PREFETCHES = ["L2::64B", "L2::128B", "L2::256B"]
LOAD_CACHES = ["", "ca", "cg", "cs", "lu", "cv", "nc", "L1::evict_first", "L1::evict_last", "L1::no_allocate"]
STORE_CACHES = ["", "wb", "cg", "cs", "wt", "L1::evict_first", "L1::evict_last", "L1::no_allocate"]


def _scoped(*orders: str) -> list[str]:
    return [f"{order}.{scope}" for order in orders for scope in ("cta", "cluster", "gpu", "sys")]


def _atomic(opcode: str) -> Family:
    orders = ["", "cta", "gpu", "sys", *_scoped("relaxed", "acquire", "release", "acq_rel")]
    return Family(opcode, {
        "order and scope": orders, "space": ["", "global", "shared", "shared::cta", "shared::cluster"],
        "operation": "add min max and or xor exch cas inc dec".split(), "flush": ["", "noftz"],
        "vector": ["", "v2", "v4", "v8"], "type": "b16 b32 b64 b128 u32 u64 s32 s64".split() + FLOATS,
    })  # fmt: skip


def _matrix_rows(opcode: str) -> Family:
    return Family(opcode, {
        "": ["sync.aligned"], "shape": ["m8n8", "m8n16", "m16n16"], "number": ["x1", "x2", "x4"],
        "transposed": ["", "trans"], "space": SPACES[:4], "type": ["b16", "b8"],
    })  # fmt: skip


def _wmma_memory(name: str, operands: list[str]) -> Family:
    return Family("wmma", {
        "": [name], "operand": operands, "synchronised": ["sync.aligned"], "layout": ["row", "col"],
        "shape": MMA_SHAPES, "space": SPACES[:4], "type": MMA_TYPES,
    })  # fmt: skip


FAMILIES = (
    Family("ld", {"order and scope": ["", "weak", "volatile", *_scoped("relaxed", "acquire"), "mmio.relaxed.sys"],
                  "space": SPACES, "cache": LOAD_CACHES, "prefetch": ["", *PREFETCHES],
                  "vector": ["", "v2", "v4", "v8"], "type": [*INTEGERS, *FLOATS]}),
    Family("ldu", {"space": ["", "global"], "vector": ["", "v2", "v4"], "type": [*INTEGERS, *FLOATS]}),
    Family("st", {"order and scope": ["", "weak", "volatile", *_scoped("relaxed", "release"), "mmio.relaxed.sys"],
                  "space": SPACES, "cache": STORE_CACHES, "vector": ["", "v2", "v4", "v8"],
                  "type": [*INTEGERS, *FLOATS]}),
    _atomic("atom"),
    _atomic("red"),
    Family("cvt", {"rounding": ROUNDINGS, "flags": ["", "ftz", "sat", "ftz.sat", "relu", "satfinite", "satfinite.relu"],
                   "to": [*NUMBERS, *SHORT_PAIRS], "from": [*NUMBERS, *SHORT_PAIRS]}),
    Family("set", {"comparison": COMPARISONS, "combined": ["", "and", "or", "xor"], "flush": ["", "ftz"],
                   "to": "u32 s32 f32 u16 s16 f16 bf16 f16x2 bf16x2".split(), "from": INTEGERS[1:4] + NUMBERS}),
    Family("setp", {"comparison": COMPARISONS, "combined": ["", "and", "or", "xor"], "flush": ["", "ftz"],
                    "type": INTEGERS[1:4] + NUMBERS}),
    Family("mma", {"": ["sync.aligned"], "shape": MMA_SHAPES, "layouts of A and B": LAYOUTS,
                   "saturation": ["", "satfinite"], "D": SUMS, "A and B": PAIRS, "C": SUMS,
                   "of bits": ["", "xor.popc", "and.popc"]}),
    Family("wmma", {"": ["mma"], "synchronised": ["sync.aligned"], "layouts of A and B": LAYOUTS,
                    "shape": MMA_SHAPES, "D": SUMS, "A and B": ["", *PAIRS], "C": SUMS,
                    "saturation": ["", "satfinite"]}),
    _wmma_memory("load", ["a", "b", "c"]),
    _wmma_memory("store", ["d"]),
    _matrix_rows("ldmatrix"),
    _matrix_rows("stmatrix"),
    Family("movmatrix", {"": ["sync.aligned"], "shape": ["m8n8"], "transposed": ["trans"], "type": ["b16"]}),
    Family("cp", {"": ["async"], "cache": ["ca", "cg"], "to": ["shared", "shared::cta", "shared::cluster"],
                  "from": ["global"], "hint": ["", "L2::cache_hint"], "prefetch": ["", *PREFETCHES]}),
    Family("cp", {"": ["async"], "groups": ["commit_group", "wait_group", "wait_all", "mbarrier.arrive.b64",
                                            "mbarrier.arrive.noinc.b64", "bulk.commit_group"]}),
    Family("mbarrier", {"operation": "init inval arrive arrive.expect_tx arrive_drop expect_tx complete_tx test_wait "
                                     "test_wait.parity try_wait try_wait.parity pending_count".split(),
                        "order": ["", "acquire", "release", "relaxed"], "scope": ["", "cta", "cluster"],
                        "space": ["", "shared", "shared::cta", "shared::cluster"], "type": ["", "b64"]}),
    Family("fence", {"order": ["sc", "acq_rel", "acquire", "release", "proxy.alias", "proxy.async", "proxy.tensormap",
                               "mbarrier_init.release"], "scope": ["", "cta", "cluster", "gpu", "sys"],
                     "of": ["", "global", "shared::cta", "shared::cluster"]}),
    Family("membar", {"scope": ["cta", "gl", "sys", "proxy.alias", "proxy.async"]}),
    Family("prefetch", {"space": ["", "global", "local", "const", "param"], "level": ["", "L1", "L2"],
                        "priority": ["", "L2::evict_last", "L2::evict_normal", "tensormap"]}),
    Family("createpolicy", {"how": ["fractional", "range", "cvt"], "primary": ["L2::evict_last", "L2::evict_first"],
                            "type": ["b64"]}),
)  # fmt: skip

NAMED = (  # what the ISA has and the table of refused instructions is asked for
    "tex txq tld4 istypep suld sust sured suq wgmma tcgen05 tensormap multimem cp.async.bulk cp.reduce.async.bulk "
    "cp.async.bulk.prefetch prefetch.tensormap st.async red.async mapa getctarank clusterlaunchcontrol"
).split()
SPECIALS = (
    "%tid.x %tid.y %tid.z %ntid.x %ntid.y %ntid.z %ctaid.x %ctaid.y %ctaid.z %nctaid.x %nctaid.y %nctaid.z %laneid "
    "%warpid %nwarpid %smid %nsmid %gridid %clusterid.x %nclusterid.x %cluster_ctaid.x %cluster_nctaid.x "
    "%cluster_ctarank %cluster_nctarank %is_explicit_cluster %lanemask_eq %lanemask_le %lanemask_lt %lanemask_ge "
    "%lanemask_gt %clock %clock_hi %clock64 %globaltimer %globaltimer_lo %globaltimer_hi %pm0 %envreg0 "
    "%total_smem_size %aggr_smem_size %dynamic_smem_size %reserved_smem_offset_begin %reserved_smem_offset_end "
    "%reserved_smem_offset_cap %reserved_smem_offset_0 %reserved_smem_offset_1 %current_graph_exec"
).split()


@dataclass(slots=True)
class Found:
    """What the rules say of a family: per axis the values that some form takes, and which modules answered."""

    taken: list[set[str]]
    sections: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)


def instruction(form: str) -> Instruction:
    """Only what the rules look at to find one."""
    opcode, *modifiers = form.split(".")
    return Instruction(opcode, tuple(modifiers), (), None, 0, None)


def is_run(form: str) -> bool:
    return _rule(instruction(form)) is not None


def _rule(form: Instruction) -> Rule | None:
    rule = rules.find(form)
    return None if rule is None or rule.section == refused.SECTION else rule


def ask(family: Family) -> Found:
    """Try the family's forms; those that would tell nothing new are passed over."""
    found = Found([set() for _ in family.axes])
    for values in family.forms():
        new = [place for place, value in enumerate(values) if value not in found.taken[place]]
        if not new:
            continue
        form = instruction(".".join(part for part in (family.opcode, *values) if part))
        rule = _rule(form)
        if rule:
            found.sections.add(rule.section)
            found.modules |= {find.__module__ for find in rules.FAMILIES if find(form)}
            for place in new:
                found.taken[place].add(values[place])
    return found


@cache
def answers() -> tuple[Found, ...]:
    """Of every family; some seconds of work."""
    return tuple(ask(family) for family in FAMILIES)


def unlisted() -> list[str]:
    """Modules whose rules take modifiers apart and that no family above reaches: they need an entry there."""
    reached = set[str]().union(*(found.modules for found in answers()))
    return sorted({find.__module__ for find in rules.FAMILIES} - reached - {runtime.__name__, refused.__name__})


def page() -> str:
    """docs/ptx-support.md."""
    parts = [
        "# The PTX instructions that the vgpu runs",
        "Written by `python -m harness.vgpu.jit.rules.support` from the rules that execute them; a test holds the two "
        "together. An instruction that is not here ends in an error that names it, its kernel and its line. Section "
        "names are those of the PTX ISA.",
        "## Whole forms", *_whole_forms(),
        "## Forms by their parts",
        "A form takes one value of each part, in this order; *none* is the part left out. Not every combination "
        "exists: what the ISA does not allow, the vgpu does not run either. A value is listed as refused where no "
        "combination with it has a rule.",
        *(_family(family, found) for family, found in zip(FAMILIES, answers(), strict=True)),
        "## Control flow", _control(),
        "## Special registers", _specials(),
        "## What stays out", _refused(),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _whole_forms() -> Iterator[str]:
    sections: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for form, rule in rules.RULES.items():
        sections[rule.section][form.split(".")[0]].append(form)
    for section in sorted(sections):
        rows = [f"| {opcode} | {_code(sorted(forms))} |" for opcode, forms in sorted(sections[section].items())]
        yield "\n".join((f"### {section}", "", "| | |", "| --- | --- |", *rows))


def _family(family: Family, found: Found) -> str:
    title = ".".join([family.opcode, *family.axes[""]]) if family.opcode in ("wmma", "cp") else family.opcode
    rows = [_axis(name, family.axes[name], found.taken[place]) for place, name in enumerate(family.axes) if name]
    head = f"### {title}\n\n{'; '.join(sorted(found.sections)) or 'No form has a rule.'}"
    return "\n".join((head, "", "| part | runs | refused |", "| --- | --- | --- |", *rows))


def _axis(name: str, values: list[str], taken: set[str]) -> str:
    runs = [value or "*none*" for value in values if value in taken]
    rest = [value for value in values if value and value not in taken]
    return f"| {name} | {_code(runs)} | {_code(rest)} |"


def _code(words: list[str]) -> str:
    return " ".join(word if word == "*none*" else f"`{word}`" for word in words)


def _control() -> str:
    functions = ", ".join(f"`{name}`" for name in sorted(runtime.FUNCTIONS))
    return (
        f"{_code(sorted(CONTROL))}, `call` (direct and indirect, recursion too), `bar` and `barrier` with `.sync` or "
        f"`.red` for all threads or a number of warps, guards (`@p`, `@!p`) on every instruction. "
        f"The runtime answers calls of {functions}."
    )


def _specials() -> str:
    known = [name for name in SPECIALS if specials.read(Emitter(), name, LANES) is not None]
    return f"{_code(known)}\n\nNot there: {_code([name for name in SPECIALS if name not in known])}"


def _refused() -> str:
    """By the reason that the error gives."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for form in NAMED:
        reasons[refused.reason_for(instruction(form)) or "no more than its name is known"].append(form)
    rows = [f"| {_code(forms)} | {reason} |" for reason, forms in reasons.items()]
    return "\n".join(("| instructions | what the error says |", "| --- | --- |", *rows))


if __name__ == "__main__":
    PAGE.write_text(page())
