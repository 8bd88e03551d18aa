"""mma and wmma.mma: D = A * B + C of small matrices (PTX ISA: Warp Level Matrix Instructions).

PTX leaves order and rounding open ("at least single precision" for FP32 accumulation). Here: FP32 accumulation is a
chain of fused multiply-adds in ascending k that starts from C, so that each product is exact and every step is
rounded once to nearest; FP16 accumulation is the same chain, rounded to FP16 once at the end; FP64 is a chain
of fma.rn.f64. Integer sums are exact, then added to C modulo 2^32 or, with .satfinite, clamped. tf32 operands are cut
to 10 bits of fraction. A NaN result is 0x7FFFFFFF.

The code of each form is one LLVM function of the module: a kernel has many of these instructions.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.vgpu.jit.context import Context
from harness.vgpu.jit.emitter import LANES, Emitter, llvm_type, splat
from harness.vgpu.jit.rules import fragments
from harness.vgpu.jit.rules.formats import is_nan, narrow, widen, widen_byte
from harness.vgpu.jit.rules.fragments import PER_REGISTER, Fragment, Shape
from harness.vgpu.jit.rules.rule import Rule
from harness.vgpu.ptx.program import Instruction, Operand, Vector

SECTION = "Warp Level Matrix Instructions: mma, wmma.mma"
WORD, SINGLE, DOUBLE = llvm_type("i32", LANES), llvm_type("float", LANES), llvm_type("double", LANES)

_FLOATS = {"f16": ("f16", "f32"), "bf16": ("f32",), "tf32": ("f32",), "e4m3": ("f32", "f16"), "e5m2": ("f32", "f16")}
# shapes of mma by type of the multiplicands
SHAPES = {
    "f16": ("m16n8k8", "m16n8k16", "m8n8k4"), "bf16": ("m16n8k8", "m16n8k16"), "tf32": ("m16n8k4", "m16n8k8"),
    "f64": ("m8n8k4", "m16n8k4", "m16n8k8", "m16n8k16"),
    **dict.fromkeys(("s8", "u8"), ("m8n8k16", "m16n8k16", "m16n8k32")),
    **dict.fromkeys(("s4", "u4"), ("m8n8k32", "m16n8k32", "m16n8k64")),
    **dict.fromkeys(("e4m3", "e5m2"), ("m16n8k16", "m16n8k32")),
    "b1": ("m8n8k128", "m16n8k128", "m16n8k256"),
}  # fmt: skip
WMMA_SHAPES = {
    **dict.fromkeys(("f16", "bf16", "s8", "u8"), ("m16n16k16", "m32n8k16", "m8n32k16")),
    "tf32": ("m16n16k8",), "f64": ("m8n8k4",),
}  # fmt: skip
MIXED = {"s8": "u8", "u8": "s8", "s4": "u4", "u4": "s4", "e4m3": "e5m2", "e5m2": "e4m3"}


@dataclass(frozen=True, slots=True)
class Form:
    """One instruction form, taken apart."""

    shape: Shape
    a: str
    b: str
    c: str
    d: str
    layouts: tuple[str, str]
    combine: str = ""  # of b1: and, xor
    saturate: bool = False
    wmma: bool = False

    @property
    def name(self) -> str:
        s = self.shape
        parts = [f"m{s.m}n{s.n}k{s.k}", self.d, self.a, self.b, self.c, *self.layouts * self.in_quarters, self.combine]
        return "vgpu.mma." + ".".join([p for p in parts if p] + ["sat"] * self.saturate)

    @property
    def in_quarters(self) -> bool:
        return self.a == "f16" and (self.shape.m, self.shape.n, self.shape.k) == (8, 8, 4)

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.shape.m * self.shape.n * self.shape.k * (4 if self.in_quarters else 1)

    def fragments(self) -> tuple[Fragment, Fragment, Fragment, Fragment]:
        s = self.shape
        if self.in_quarters:
            return (fragments.quarter_a(self.layouts[0]), fragments.quarter_b(self.layouts[1]),
                    fragments.quarter_accumulator(self.c), fragments.quarter_accumulator(self.d))  # fmt: skip
        return (fragments.multiplicand_a(s.m, s.k, self.a), fragments.multiplicand_b(s.k, s.n, self.b),
                fragments.accumulator(s.m, s.n, self.c), fragments.accumulator(s.m, s.n, self.d))  # fmt: skip


def find(instruction: Instruction) -> Rule | None:
    """The rule of an `mma` or `wmma.mma`; None where the vgpu has no such form."""
    form = parse(instruction)
    return Rule(lambda c: _lower(c, form), SECTION, "tensor") if form else None


def parse(instruction: Instruction) -> Form | None:
    modifiers = list(instruction.modifiers)
    wmma = instruction.opcode == "wmma" and modifiers[:1] == ["mma"]
    if wmma:
        modifiers = modifiers[1:]
    elif instruction.opcode != "mma":
        return None
    if modifiers[:2] != ["sync", "aligned"]:
        return None
    layouts, types, shape, combine, saturate = [], [], "", "", False
    for modifier in modifiers[2:]:
        if modifier in ("row", "col"):
            layouts.append(modifier)
        elif modifier in PER_REGISTER:
            types.append(modifier)
        elif modifier in ("and", "xor"):
            combine = modifier
        elif modifier == "satfinite":
            saturate = True
        elif modifier[0] == "m" and modifier[1].isdigit():
            shape = modifier
        elif modifier not in ("popc", "rn"):
            return None
    if len(types) == 2:  # wmma of f16: only D and C are named
        types = [types[0], "f16", "f16", types[1]]
    if len(types) != 4 or len(layouts) != 2 or not shape:
        return None
    d, a, b, c = types
    form = Form(Shape.of(shape), a, b, c, d, (layouts[0], layouts[1]), combine, saturate, wmma)
    return form if _exists(form, shape) else None


def _exists(form: Form, shape: str) -> bool:
    shapes = (WMMA_SHAPES if form.wmma else SHAPES).get(form.a, ())
    if shape not in shapes or form.b not in (form.a, MIXED.get(form.a)):
        return False
    if form.a in _FLOATS:
        return {form.c, form.d} <= set(_FLOATS[form.a])
    return form.c == form.d == ("f64" if form.a == "f64" else "s32") and (form.a == "b1") == bool(form.combine)


# --- the instruction ----------------------------------------------------------------------------------------------


def elements(operand: Operand) -> tuple[Operand, ...]:
    return operand.elements if isinstance(operand, Vector) else (operand,)


def _lower(c: Context, form: Form) -> None:
    d, *sources = (elements(operand) for operand in c.instruction.operands)
    scalar = "i64" if form.a == "f64" else "i32"
    shapes = form.fragments()
    wanted = [8 if form.wmma and form.a == "f16" else shapes[0].registers, 0, shapes[2].registers, shapes[3].registers]
    wanted[1] = 8 if form.wmma and form.a == "f16" else shapes[1].registers
    if [len(s) for s in (*sources, d)] != wanted:
        c.unsupported(f"fragments of {[len(s) for s in (*sources, d)]} registers where {wanted} belong")
    values = []
    for fragment, registers in zip(shapes, sources, strict=False):
        values += [c.get(register, scalar, lanes=LANES) for register in registers[: fragment.registers]]
    results = call(c, form, values)
    for register, result in zip(d, results, strict=True):
        c.put(register, result, scalar, lanes=LANES)


def call(c: Context, form: Form, values: list[str]) -> list[str]:
    """The module's function of this form; made at the first use."""
    vector = DOUBLE.replace("double", "i64") if form.a == "f64" else WORD
    count = form.fragments()[3].registers
    result = vector if count == 1 else "{ " + ", ".join([vector] * count) + " }"
    if form.name not in c.e.declarations:
        c.e.declarations[form.name] = _define(c, form, vector, result)
    passed = ", ".join(f"{vector} {value}" for value in values)
    returned = c.e.let(f'call {result} @"{form.name}"({passed})')
    if count == 1:
        return [returned]
    return [c.e.let(f"extractvalue {result} {returned}, {i}") for i in range(count)]


@dataclass(frozen=True, slots=True)
class _Body:
    """The function that is being written."""

    e: Emitter
    lanes: int = LANES


def _define(c: Context, form: Form, vector: str, result: str) -> str:
    b = _Body(Emitter())
    a_layout, b_layout, c_layout, d_layout = form.fragments()
    names = [f"%p{i}" for i in range(a_layout.registers + b_layout.registers + c_layout.registers)]
    first, second = a_layout.registers, a_layout.registers + b_layout.registers
    a = [v for name in names[:first] for v in _numbers(b, form.a, name)]
    bs = [v for name in names[first:second] for v in _numbers(b, form.b, name)]
    cs = [v for name in names[second:] for v in _numbers(b, form.c, name)]
    totals = _products(b, form, (a_layout, a), (b_layout, bs), (c_layout, cs), d_layout)
    registers = _registers(b, form.d, totals)
    value = registers[0]
    if len(registers) > 1:
        value = "poison"
        for i, register in enumerate(registers):
            value = b.e.let(f"insertvalue {result} {value}, {vector} {register}, {i}")
    for name, text in b.e.declarations.items():
        c.e.declarations.setdefault(name, text)
    parameters = ", ".join(f"{vector} {name}" for name in names)
    body = "\n".join(b.e.lines)
    head = f'define internal {result} @"{form.name}"({parameters}) noinline nounwind'
    return f"{head} {{\n{body}\n  ret {result} {value}\n}}"


def _products(
    b: _Body, form: Form, a: tuple[Fragment, list[str]], bs: tuple[Fragment, list[str]], c: tuple[Fragment, list[str]],
    d: Fragment,
) -> list[str]:  # fmt: skip
    """The elements of D, slot by slot."""
    scalar = "double" if form.a == "f64" else "float" if form.a in _FLOATS else "i32"
    where_a, where_b, where_c = (_inverse(fragment) for fragment, _ in (a, bs, c))
    known: dict[tuple[object, ...], str] = {}
    depth = form.shape.k // 32 if form.a == "b1" else form.shape.k
    results = []
    for places in d.places:
        start = _gather(b, scalar, c[1], [where_c[p] for p in places], known, "c")
        total = start if scalar != "i32" else splat("i32", 0, LANES)
        for k in range(depth):
            x = _gather(b, scalar, a[1], [where_a[q, m, k] for q, m, _ in places], known, "a")
            y = _gather(b, scalar, bs[1], [where_b[q, k, n] for q, _, n in places], known, "b")
            total = _accumulate(b, form, scalar, x, y, total)
        if scalar == "i32":
            total = _add(b, total, start, form.saturate)
        results.append(total)
    return results


def _inverse(fragment: Fragment) -> dict[fragments.Place, tuple[int, int]]:
    return {place: (slot, lane) for slot, places in enumerate(fragment.places) for lane, place in enumerate(places)}


def _gather(
    b: _Body, scalar: str, slots: list[str], wanted: list[tuple[int, int]], known: dict[tuple[object, ...], str],
    operand: str,
) -> str:  # fmt: skip
    """One vector whose lane i is lane `wanted[i][1]` of slot `wanted[i][0]`."""
    key = (operand, *wanted)
    if key in known:
        return known[key]
    used = sorted({slot for slot, _ in wanted})
    identity = all(lane == i for i, (_, lane) in enumerate(wanted))
    if len(used) == 1 and identity:
        value = slots[used[0]]
    else:
        value = b.e.shuffle(scalar, LANES, slots[used[0]], None, [lane for _, lane in wanted])
        for slot in used[1:]:
            order = [LANES + lane if chosen == slot else i for i, (chosen, lane) in enumerate(wanted)]
            value = b.e.shuffle(scalar, LANES, value, slots[slot], order)
    known[key] = value
    return value


def _accumulate(b: _Body, form: Form, scalar: str, x: str, y: str, total: str) -> str:
    if scalar != "i32":
        return b.e.intrinsic("fma", scalar, LANES, x, y, total)
    if form.combine:
        product = b.e.intrinsic("ctpop", "i32", LANES, b.e.binary(form.combine, "i32", LANES, x, y))
    else:
        product = b.e.binary("mul", "i32", LANES, x, y)
    return b.e.binary("add", "i32", LANES, total, product)


def _add(b: _Body, total: str, start: str, saturate: bool) -> str:
    if saturate:
        return b.e.intrinsic("sadd.sat", "i32", LANES, total, start)
    return b.e.binary("add", "i32", LANES, total, start)


# --- registers to numbers and back --------------------------------------------------------------------------------


def _numbers(b: _Body, type_: str, register: str) -> list[str]:
    """The elements of a register, as FP32, FP64 or i32."""
    if type_ in ("f32", "tf32"):
        if type_ == "tf32":
            register = b.e.binary("and", "i32", LANES, register, splat("i32", 0xFFFFE000, LANES))
        return [b.e.bitcast(WORD, register, SINGLE)]
    if type_ == "f64":
        return [b.e.bitcast(llvm_type("i64", LANES), register, DOUBLE)]
    if type_ in ("s32", "b1"):
        return [register]
    bits = 32 // PER_REGISTER[type_]
    if type_[0] in "su":
        return [_integer(b, register, 32 - bits * (i + 1), 32 - bits, type_[0] == "s") for i in range(32 // bits)]
    found = []
    for i in range(32 // bits):
        moved = b.e.binary("lshr", "i32", LANES, register, splat("i32", bits * i, LANES)) if i else register
        piece = b.e.cast("trunc", "i32", LANES, moved, f"i{bits}")
        found.append(widen(b, type_, piece) if bits == 16 else widen(b, "f16", widen_byte(b, type_, piece)))
    return found


def _integer(b: _Body, register: str, left: int, right: int, signed: bool) -> str:
    moved = b.e.binary("shl", "i32", LANES, register, splat("i32", left, LANES)) if left else register
    return b.e.binary("ashr" if signed else "lshr", "i32", LANES, moved, splat("i32", right, LANES))


def _registers(b: _Body, type_: str, values: list[str]) -> list[str]:
    if type_ == "s32":
        return values
    if type_ == "f64":
        return [b.e.bitcast(DOUBLE, value, llvm_type("i64", LANES)) for value in values]
    if type_ == "f32":
        nan = splat("i32", 0x7FFFFFFF, LANES)
        return [b.e.select(is_nan(b, v), "i32", LANES, nan, b.e.bitcast(SINGLE, v, WORD)) for v in values]
    halves = [b.e.cast("zext", "i16", LANES, narrow(b, "f16", value), "i32") for value in values]
    packed = []
    for low, high in zip(halves[::2], halves[1::2], strict=True):
        shifted = b.e.binary("shl", "i32", LANES, high, splat("i32", 16, LANES))
        packed.append(b.e.binary("or", "i32", LANES, shifted, low))
    return packed
