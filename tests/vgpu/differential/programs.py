"""The generator: random statements that PTX gives one meaning.

In: a `random.Random` (hypothesis has one whose choices it can shrink). Out: a tree of statements. What PTX leaves
open is left out: division by zero, reads of lanes that take no part, NaN payloads (a float goes to integer registers
or memory through `plain_bits`, which makes every NaN the same), races between threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from tests.vgpu.differential.statements import Exit, If, Jump, Jungle, Line, Loop, Statement, Statements, Switch

# registers by kind: b32, uniform b32, b64, b16, f32, f64, f16, f16x2, predicates
POOLS = {
    "r": [f"%r{i}" for i in range(6)],
    "d": [f"%rd{i}" for i in range(4)],
    "s": [f"%s{i}" for i in range(3)],
    "f": [f"%f{i}" for i in range(4)],
    "g": [f"%fd{i}" for i in range(3)],
    "h": [f"%h{i}" for i in range(3)],
    "x": [f"%x{i}" for i in range(2)],
    "p": [f"%p{i}" for i in range(4)],
    "u": [f"%u{i}" for i in range(2)],
}
KIND = {"16": "s", "32": "r", "64": "d", "f16": "h", "f32": "f", "f64": "g", "f16x2": "x", "pred": "p"}
T = TypeVar("T")

# of a warp's instructions, how many are met in two places, how many by parts of a region with masks of their own, and
# how many under a guard
APART, PARTS, GUARDED = 0.15, 0.25, 0.1
SLOT_BYTES = 32  # what a thread may use of global and of local memory; of shared memory half
TABLE_WORDS = 64

EDGES = [0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF,
         0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF, 0x55555555, 0x01010101, 0xDEADBEEF]  # fmt: skip
EDGES_64 = [*EDGES, 1 << 32, 1 << 53, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
# fractions and exponents that sit on edges: zeros, subnormals, limits, infinities, NaN, halves, integers' limits
HALVES = [0, 1, 0x3FF, 0x400, 0x3800, 0x3C00, 0x3C01, 0x3BFF, 0x7BFF, 0x7C00, 0x7E00, 0x6800, 0x1000]
SINGLES = [0, 1, 0x7FFFFF, 0x800000, 0x3F000000, 0x3F800000, 0x3F800001, 0x3F7FFFFF, 0x7F7FFFFF, 0x7F800000, 0x7FC00000,
           0x4F000000, 0x4F800000, 0x5F000000, 0x4B000001, 0x477FE000, 0x477FF000, 0x33800000, 0x33000001]  # fmt: skip
DOUBLES = [0, 1, 0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x3FE0000000000000, 0x3FF0000000000000, 0x3FF0000000000001,
           0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0x7FF8000000000000, 0x41DFFFFFFFC00000, 0x41E0000000000000,
           0x43E0000000000000, 0x43F0000000000000, 0x47EFFFFFF0000000, 0x3690000000000000, 0x36A0000000000001,
           0x3FF0000010000000, 0x3FF0000030000000]  # fmt: skip


def float_bits(rng: Random, edges: list[int], bits: int, fraction: int) -> int:
    """A float worth trying: on an edge, around one, or any."""
    sign = rng.getrandbits(1) << bits - 1
    choice = rng.randrange(10)
    if choice < 4:
        return sign | rng.choice(edges)
    if choice < 8:
        bias = (1 << bits - fraction - 2) - 1
        return sign | (bias + rng.randint(-6, 12)) << fraction | rng.getrandbits(fraction)
    return rng.getrandbits(bits)


def value(rng: Random, kind: str) -> int:
    """The bits of one input."""
    if kind in "ru":
        return rng.choice((rng.choice(EDGES), rng.randrange(100), rng.getrandbits(32)))
    if kind == "d":
        return rng.choice((rng.choice(EDGES_64), rng.getrandbits(64)))
    if kind == "s":
        return rng.choice((rng.choice(EDGES) & 0xFFFF, rng.getrandbits(16)))
    if kind == "f":
        return float_bits(rng, SINGLES, 32, 23)
    if kind == "g":
        return float_bits(rng, DOUBLES, 64, 52)
    if kind == "h":
        return float_bits(rng, HALVES, 16, 10)
    return value(rng, "h") << 16 | value(rng, "h")


# --- instructions of one line -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """An instruction and the kinds of its operands, the result first; `i` is a small immediate."""

    text: str
    kinds: str


def _forms() -> dict[str, list[Form]]:
    """By family, so that families are chosen alike however many members they have."""
    families: dict[str, list[Form]] = {name: [] for name in
                                       ("int32", "int64", "int16", "f32", "f64", "f16", "f16x2", "round", "cvt", "compare",
                                        "select", "move", "bits", "pred")}  # fmt: skip
    for bits in ("16", "32", "64"):
        k, family = KIND[bits], families[f"int{bits}"]
        for op in ("add", "sub", "mul.lo", "mul.hi", "min", "max"):
            family += [Form(f"{op}.{s}{bits}", k * 3) for s in "su"]
        for op in ("mad.lo", "mad.hi"):
            family += [Form(f"{op}.{s}{bits}", k * 4) for s in "su"]
        family += [Form(f"{op}.s{bits}", k * 2) for op in ("neg", "abs")]
        family += [Form(f"{op}.b{bits}", k * 3) for op in ("and", "or", "xor")] + [Form(f"not.b{bits}", k * 2)]
        family += [Form(f"{op}{bits}", k * 2 + a) for op in ("shl.b", "shr.b", "shr.s", "shr.u") for a in "ri"]
        if bits != "64":
            wide = KIND[str(2 * int(bits))]
            family += [Form(f"mul.wide.{s}{bits}", wide + k * 2) for s in "su"]
            family += [Form(f"mad.wide.{s}{bits}", wide + k * 2 + wide) for s in "su"]
        if bits != "16":
            families["bits"] += [Form(f"{op}.b{bits}", "r" + k) for op in ("popc", "clz")]
            families["bits"] += [Form(f"brev.b{bits}", k * 2)]
            families["bits"] += [Form(f"bfe.{s}{bits}", k * 2 + a) for s in "su" for a in ("rr", "ii")]
            families["bits"] += [Form(f"bfi.b{bits}", k * 3 + a) for a in ("rr", "ii")]
        families["select"] += [Form(f"selp.{s}{bits}", k * 3 + "p") for s in "bsu"]
        if bits != "16":
            families["select"] += [Form(f"slct.{s}{bits}.{c}", k * 3 + KIND[c.lstrip("s")]) for s in "bsu"
                                   for c in ("s32", "f32")]  # fmt: skip
        families["move"] += [Form(f"mov.{s}{bits}", k * 2) for s in "bsu"]
        for operators, s in (("eq ne lt le gt ge", "s"), ("eq ne lt le gt ge lo ls hi hs", "u"), ("eq ne", "b")):
            families["compare"] += [Form(f"setp.{o}.{s}{bits}", "p" + k * 2) for o in operators.split()]
    families["bits"] += [Form(f"shf.{way}.{mode}.b32", "rrr" + a) for way in "lr" for mode in ("wrap", "clamp")
                         for a in "ri"]  # fmt: skip
    families["bits"] += [Form("lop3.b32", "rrrrL")] * 3 + [Form("prmt.b32", "rrrr")] * 2
    families["bits"] += [Form(f"bfind{how}.{s}{bits}", "r" + KIND[bits]) for how in ("", ".shiftamt") for s in "su"
                         for bits in ("32", "64")]  # fmt: skip
    families["bits"] += [Form(f"sad.{s}{bits}", KIND[bits] * 4) for s in "su" for bits in ("16", "32", "64")]
    families["bits"] += [Form(f"cnot.b{bits}", KIND[bits] * 2) for bits in ("16", "32", "64")]
    for type_ in ("f16", "f32", "f64", "f16x2"):
        k, family = KIND[type_], families[type_]
        modes = {"f32": ("", ".rn", ".rn.ftz", ".ftz", ".sat", ".rn.ftz.sat"), "f64": ("", ".rn")}
        for mode in modes.get(type_, ("", ".rn", ".sat", ".rn.sat", ".ftz", ".rn.ftz")):
            family += [Form(f"{op}{mode}.{type_}", k * 3) for op in ("add", "sub", "mul")]
            if "rn" in mode:
                family += [Form(f"fma{mode}.{type_}", k * 4)] * 2
        extremes = ("", ".ftz", ".NaN", ".ftz.NaN") if type_ != "f64" else ("",)
        family += [Form(f"{op}{mode}.{type_}", k * 3) for op in ("min", "max") for mode in extremes]
        family += [Form(f"fma.rn.relu.{type_}", k * 4)] * (type_ in ("f16", "f16x2"))
        family += [Form(f"{op}.{type_}", k * 2) for op in ("neg", "abs")]
        if type_ in ("f32", "f64"):
            family += [Form(f"div.rn.{type_}", k * 3), Form(f"rcp.rn.{type_}", k * 2), Form(f"sqrt.rn.{type_}", k * 2)]
            families["move"].append(Form(f"mov.{type_}", k * 2))
            families["select"].append(Form(f"selp.{type_}", k * 3 + "p"))
        if type_ != "f16x2":
            operators = "eq ne lt le gt ge equ neu ltu leu gtu geu num nan".split()
            families["compare"] += [Form(f"setp.{o}.{type_}", "p" + k * 2) for o in operators]
    for mode in ("rz", "rm", "rp"):
        families["round"] += [Form(f"{op}.{mode}.f32", "fff") for op in ("add", "sub", "mul")]
        families["round"].append(Form(f"fma.{mode}.f32", "ffff"))
    families["pred"] += [Form(f"{op}.pred", "ppp") for op in ("and", "or", "xor")] + [Form("not.pred", "pp")]
    families["cvt"] = _conversions()
    return families


def _conversions() -> list[Form]:
    forms = []
    integers = [f"{s}{bits}" for s in "su" for bits in (8, 16, 32, 64)]

    def kind(type_: str) -> str:
        return KIND.get(type_) or {"8": "r"}.get(type_[1:]) or KIND[type_[1:]]

    for source in integers:
        for target in integers:
            if source != target:
                forms.append(Form(f"cvt.{target}.{source}", kind(target) + kind(source)))
                forms.append(Form(f"cvt.sat.{target}.{source}", kind(target) + kind(source)))
        for target in ("f16", "f32", "f64"):
            if source[1:] != "8":
                forms.append(Form(f"cvt.rn.{target}.{source}", kind(target) + kind(source)))
    for source in ("f16", "f32", "f64"):
        for mode in ("rni", "rzi", "rmi", "rpi"):
            forms += [Form(f"cvt.{mode}.{t}.{source}", kind(t) + kind(source)) for t in integers if t[1:] != "8"]
            forms += [Form(f"cvt.{mode}.{source}.{source}", 2 * kind(source))] * 2
    forms += [Form("cvt.f32.f16", "fh"), Form("cvt.f64.f16", "gh"), Form("cvt.f64.f32", "gf")] * 3
    forms += [Form("cvt.rn.f16.f32", "hf"), Form("cvt.rz.f16.f32", "hf"), Form("cvt.rn.f16.f64", "hg")] * 3
    forms += [Form(f"cvt.{mode}.f32.f64", "fg") for mode in ("rn", "rz", "rm", "rp")] * 3
    forms += [Form("cvt.rn.f16x2.f32", "xff"), Form("cvt.ftz.f64.f32", "gf"), Form("cvt.sat.f32.f32", "ff")] * 3
    forms += [Form("cvt.rzi.ftz.s32.f32", "rf"), Form("cvt.rn.ftz.f32.f64", "fg"), Form("cvt.rn.sat.f32.f64", "fg")]
    return forms


FORMS = _forms()
WEIGHTS = {"int32": 18, "int64": 9, "int16": 6, "f32": 12, "f64": 6, "f16": 6, "f16x2": 6, "round": 3, "cvt": 12,
           "compare": 12, "select": 7, "move": 3, "bits": 9, "pred": 3}  # fmt: skip
IMMEDIATE_LAST = frozenset(("int32", "int64", "compare"))


class Generator:
    """One program's statements."""

    def __init__(self, rng: Random, wild: bool) -> None:
        """`wild`: with switches and jungles, whose irreducible loops a compiler gives up on."""
        self.rng = rng
        self.shapes = ["if"] * 3 + ["uniform if"] + ["loop"] * 3 + ["switch", "jungle"] * wild
        self.macros: list[tuple[int, Callable[[], Line]]] = [
            (4, self._divide), (4, self._float_bits), (3, self._from_bits), (4, self._pack), (2, self._copysign),
            (6, self._own_memory), (3, self._table), (2, self._reduce_memory), (2, self._setp_two),
        ]  # fmt: skip

    def program(self, size: int) -> Statements:
        return self._list(size, depth=0, collective=True, together=True, jumps=())

    # --- control ---

    def _list(self, size: int, depth: int, collective: bool, together: bool, jumps: tuple[bool, ...]) -> Statements:
        """About `size` lines. `together`: all threads of the block are here. `jumps`: kinds that a loop around allows."""
        result: list[Statement] = []
        while size > 0:
            kinds = [(60, "line"), (3, "exit")]
            kinds += [(25, "compound")] * (depth < 3 and size >= 3) + [(10, "jump")] * bool(jumps)
            kinds += [(6, "exchange"), (4, "uniform")] * together + [(16, "collective")] * collective
            kind = self._weighted(kinds)
            inner = self.rng.randint(2, max(2, size * 2 // 3)) if kind == "compound" else 1
            size -= inner
            if kind == "compound":
                result.append(self._compound(inner, depth, collective, together, jumps))
            elif kind == "jump":
                result.append(Jump(self.pick("p"), self.rng.choice(jumps)))
            elif kind == "exit":
                value = self.rng.choice(("", self.pick("r")))
                result.append(Exit(self.pick("p"), value, self.rng.choice(("ret", "exit"))))
            else:
                make = {"line": self.line, "exchange": self._exchange, "uniform": self._uniform,
                        "collective": self._collective}[kind]  # fmt: skip
                result.append(make())
        return tuple(result)

    def _compound(self, size: int, depth: int, collective: bool, together: bool, jumps: tuple[bool, ...]) -> Statement:
        kind = self.rng.choice(self.shapes)
        if kind == "if":
            then = self._list(size * 2 // 3 or 1, depth + 1, collective, False, self._inner_jumps(collective, jumps))
            other: Statements = ()
            if self.rng.random() < 0.6:
                other = self._list(size // 3 or 1, depth + 1, collective, False, self._inner_jumps(collective, jumps))
            return If(self.pick("p"), (), then, other)
        if kind == "uniform if":
            test = f"setp.{self.rng.choice('lt ge eq ne'.split())}.u32 %q1, {self.pick('u')}, {self.rng.choice(EDGES)};"
            body = self._list(size, depth + 1, collective, together, self._inner_jumps(collective, jumps))
            return If("%q1", (test,), body, ())
        if kind == "loop":
            uniform = together and self.rng.random() < 0.4
            kinds = (self.rng.random() < 0.5,)
            inner = collective and self.rng.random() < 0.5
            allowed = () if uniform else kinds if inner else (True, False)
            limit = self.pick("u") if uniform else self.pick("r")
            body = self._list(size, depth + 1, inner, uniform, allowed)
            return Loop(limit, self.rng.random() < 0.5, body)
        parts = self.rng.randint(2, 4)
        lists = tuple(self._list(max(1, size // parts), depth + 1, False, False, ()) for _ in range(parts))
        if kind == "switch":
            return Switch(self.pick("r"), tuple(self.rng.randrange(parts) for _ in range(4)), lists)
        jumps_ = tuple((self.pick("p"), self.rng.randrange(parts)) for _ in lists)
        return Jungle(self.rng.randint(1, 9), lists, jumps_)

    @staticmethod
    def _inner_jumps(collective: bool, jumps: tuple[bool, ...]) -> tuple[bool, ...]:
        """With masks to keep, only a loop's own list jumps."""
        return () if collective else jumps

    # --- lines ---

    def pick(self, kind: str, result: bool = False) -> str:
        """A register; a source of 32 bits is now and then a uniform one."""
        if kind == "r" and not result and self.rng.random() < 0.15:
            kind = "u"
        return self.rng.choice(POOLS[kind])

    def line(self) -> Line:
        if self.rng.random() < 0.25:
            return self._weighted(self.macros)()
        family = self._weighted([(weight, name) for name, weight in WEIGHTS.items()])
        form = self.rng.choice(FORMS[family])
        kinds = form.kinds
        operands = [self._operand(k, result=n == 0) for n, k in enumerate(kinds)]
        if family in IMMEDIATE_LAST and kinds[-1] in "rd" and self.rng.random() < 0.25:
            operands[-1] = str(self.rng.choice(EDGES)) if kinds[-1] == "d" else hex(self.rng.choice(EDGES))
        if family == "compare" and self.rng.random() < 0.25:
            head, type_ = form.text.rsplit(".", 1)
            combine = self.rng.choice(("and", "or", "xor"))
            third = self.rng.choice(("", "!")) + self.pick("p")
            return self._guarded(f"{head}.{combine}.{type_} {', '.join((*operands, third))};")
        return self._guarded(f"{form.text} {', '.join(operands)};")

    def _weighted(self, choices: list[tuple[int, T]]) -> T:
        total = sum(weight for weight, _ in choices)
        at = self.rng.randrange(total)
        for weight, choice in choices:
            at -= weight
            if at < 0:
                return choice
        raise AssertionError

    def _operand(self, kind: str, result: bool) -> str:
        if kind == "i":
            return str(self.rng.choice((0, 1, 4, 8, 15, 16, 31, 32, 33, 63, 64, 65, self.rng.randrange(300))))
        if kind == "L":
            return hex(self.rng.getrandbits(8))
        if kind in "fg" and not result and self.rng.random() < 0.1:
            return f"0f{value(self.rng, 'f'):08X}" if kind == "f" else f"0d{value(self.rng, 'g'):016X}"
        return self.pick(kind, result)

    def _guarded(self, *texts: str) -> Line:
        """A guard on the last instruction, now and then."""
        if self.rng.random() < 0.15:
            guard = self.rng.choice(("@", "@!")) + self.pick("p")
            texts = (*texts[:-1], f"{guard} {texts[-1]}")
        return Line(tuple(texts))

    def _uniform(self) -> Line:
        d, a = self.pick("u"), self.pick("u")
        b = self.rng.choice((self.pick("u"), str(self.rng.randrange(100))))
        op = self.rng.choice(("add.s32", "xor.b32", "mul.lo.u32", "min.u32", "shr.u32", "sub.s32"))
        return Line((f"{op} {d}, {a}, {b};",))

    def _divide(self) -> Line:
        """The divisor is odd, so not zero."""
        bits = self.rng.choice(("16", "32", "64"))
        k, temporary = KIND[bits], {"16": "%z0", "32": "%t1", "64": "%a0"}[bits]
        op = self.rng.choice(("div", "rem"))
        return self._guarded(f"or.b{bits} {temporary}, {self.pick(k)}, 1;",
                             f"{op}.{self.rng.choice('su')}{bits} {self.pick(k, True)}, {self.pick(k)}, {temporary};")  # fmt: skip

    def plain_bits(self) -> tuple[str, tuple[str, ...]]:
        """A register of 16, 32 or 64 bits with a float in it, all NaNs made equal."""
        kind = self.rng.choice("fgh")
        type_, bits, register, nan = {"f": ("f32", "32", "%t2", "0x7fffffff"), "g": ("f64", "64", "%a1", "0x7fffffffffffffff"),
                                      "h": ("f16", "16", "%z1", "0x7fff")}[kind]  # fmt: skip
        source = self.pick(kind)
        return register, (f"setp.nan.{type_} %q2, {source}, {source};", f"mov.b{bits} {register}, {source};",
                          f"selp.b{bits} {register}, {nan}, {register}, %q2;")  # fmt: skip

    def _float_bits(self) -> Line:
        register, texts = self.plain_bits()
        bits = {"%t2": "32", "%a1": "64", "%z1": "16"}[register]
        return Line((*texts, f"mov.b{bits} {self.pick(KIND[bits], True)}, {register};"))

    def _from_bits(self) -> Line:
        kind, bits = self.rng.choice((("f", "32"), ("g", "64"), ("h", "16"), ("x", "32")))
        return self._guarded(f"mov.b{bits} {self.pick(kind, True)}, {self.pick(KIND[bits])};")

    def _pack(self) -> Line:
        """mov between a register and a vector of its parts."""
        whole, part, n, bits = self.rng.choice(
            (("d", "r", 2, 64), ("r", "s", 2, 32), ("d", "s", 4, 64), ("x", "h", 2, 32))
        )
        pack = self.rng.random() < 0.5
        if pack:
            parts = [self.pick(part) for _ in range(n)]
            return self._guarded(f"mov.b{bits} {self.pick(whole, True)}, {{{', '.join(parts)}}};")
        if n > len(POOLS[part]):
            n, whole, part, bits = 2, "d", "r", 64
        parts = self._distinct(part, n)
        if self.rng.random() < 0.2:
            parts[self.rng.randrange(n)] = "_"
        return self._guarded(f"mov.b{bits} {{{', '.join(parts)}}}, {self.pick(whole)};")

    def _distinct(self, kind: str, n: int) -> list[str]:
        start = self.rng.randrange(len(POOLS[kind]))
        return [POOLS[kind][(start + i) % len(POOLS[kind])] for i in range(n)]

    def _copysign(self) -> Line:
        """The sign of a NaN is open: it is made plain first."""
        source, target, other = self.pick("f"), self.pick("f", True), self.pick("f")
        return Line((f"setp.nan.f32 %q2, {source}, {source};", f"mov.b32 %t2, {source};",
                     "selp.b32 %t2, 0x7fffffff, %t2, %q2;", "mov.b32 %ft, %t2;",
                     f"copysign.f32 {target}, %ft, {other};"))  # fmt: skip

    def _setp_two(self) -> Line:
        first, second = self._distinct("p", 2)
        a, b, c = self.pick("r"), self.pick("r"), self.pick("p")
        return self._guarded(self.rng.choice((
            f"setp.{self.rng.choice('lt eq ge'.split())}.s32 {first}|{second}, {a}, {b};",
            f"setp.lo.{self.rng.choice('and or xor'.split())}.u32 {first}|{second}, {a}, {b}, {c};",
            f"setp.ltu.f32 {first}|{second}, {self.pick('f')}, {self.pick('f')};",
        )))  # fmt: skip

    # --- memory ---

    def _own_memory(self) -> Line:
        """A load or store in the thread's own slot of global, shared or local memory."""
        space, base, limit = self.rng.choice((("global.", "%slot", SLOT_BYTES), ("global.", "%slot", SLOT_BYTES),
                                              ("shared.", "%shs", SLOT_BYTES // 2), ("", "%gsh", SLOT_BYTES // 2),
                                              ("local.", "loc", SLOT_BYTES), ("", "%gloc", SLOT_BYTES),
                                              ("", "%slot", SLOT_BYTES)))  # fmt: skip
        size = self.rng.choice((1, 2, 4, 4, 4, 8, 8))
        count = self.rng.choice((1, 1, 1, 2, 4)) if size > 1 else 1
        count = 2 if size == 8 and count == 4 else count
        offset = self.rng.randrange(limit // (size * count)) * size * count
        kind = {1: "r", 2: "s", 4: "r", 8: "d"}[size]
        if count > len(POOLS[kind]):
            count = 2
        vector = f".v{count}" if count > 1 else ""
        place = f"[{base}+{offset}]"
        prefix = space.rstrip(".")
        prefix = f".{prefix}" if prefix else ""
        if self.rng.random() < 0.5:
            type_ = self.rng.choice("bsu") + str(8 * size)
            wider = self.rng.random() < 0.2 and count == 1 and size < 8  # a register may be wider than the type
            targets = [self.pick("d", True)] if wider else self._distinct(kind, count)
            operand = f"{{{', '.join(targets)}}}" if count > 1 else targets[0]
            return self._guarded(f"ld{prefix}{vector}.{type_} {operand}, {place};")
        if count == 1 and size > 1 and self.rng.random() < 0.3:
            register, texts = self.plain_bits()
            wide = {"%t2": 4, "%a1": 8, "%z1": 2}[register]
            return self._guarded(*texts, f"st{prefix}.b{8 * wide} [{base}+{offset // wide * wide}], {register};")
        sources = [self.pick(kind) for _ in range(count)]
        operand = f"{{{', '.join(sources)}}}" if count > 1 else sources[0]
        return self._guarded(f"st{prefix}{vector}.{self.rng.choice('bsu')}{8 * size} {place}, {operand};")

    def _table(self) -> Line:
        """A load from a table that all threads read, at an index that may differ in every lane."""
        how = self.rng.choice(("global.nc", "const", "global"))
        index = self.rng.choice((self.pick("r"), self.pick("u"), "%tx", "%tx"))
        step = self.rng.choice((4, 8, 4, 12)) if how != "const" else 4
        words = 16 if how == "const" else TABLE_WORDS // 4
        base = {"const": "%ctab"}.get(how, "%tab")
        kind, type_ = self.rng.choice((("r", "b32"), ("r", "u8"), ("f", "f32"), ("s", "s16")))
        return self._guarded(f"and.b32 %t1, {index}, {words - 1};", f"mad.wide.u32 %a0, %t1, {step}, {base};",
                             f"ld.{how}.{type_} {self.pick(kind, True)}, [%a0];")  # fmt: skip

    def _reduce_memory(self) -> Line:
        """A reduction that all threads take part in, in any order; or an atomic on the thread's own slot."""
        types = self.rng.choice((("add", "u32"), ("min", "s32"), ("max", "u32"), ("and", "b32"), ("or", "b32"),
                                 ("xor", "b32"), ("add", "u64"), ("max", "s64"), ("min", "u64")))  # fmt: skip
        op, type_ = types
        kind = "d" if type_.endswith("64") else "r"
        if self.rng.random() < 0.5:
            place = {"add": 0, "min": 8, "max": 16, "and": 24, "or": 32, "xor": 40}[op] + (48 if kind == "d" else 0)
            return self._guarded(f"red.global.{op}.{type_} [%acc+{place}], {self.pick(kind)};")
        space, base = self.rng.choice((("global", "%slot"), ("shared", "%shs")))
        return self._guarded(f"atom.{space}.{op}.{type_} {self.pick(kind, True)}, [{base}+8], {self.pick(kind)};")

    # --- other threads ---

    def _exchange(self) -> Line:
        """Each thread leaves a word in shared memory and reads another's, between barriers."""
        if self.rng.random() < 0.2:  # lanes may come to a barrier in different places, unless it says `.aligned`
            number = self.rng.randrange(3)
            return Line((f"@{self.pick('p')} bra {{label}}other;", *self._exchanged(f"barrier.sync {number};"),
                         "bra {label}end;", "{label}other:", *self._exchanged(f"barrier.sync {number};"),
                         "{label}end:"))  # fmt: skip
        return Line(
            self._exchanged(self.rng.choice(("bar.sync 0;", "bar.sync 0;", "barrier.sync.aligned 0;", "bar.sync 1;")))
        )

    def _exchanged(self, bar: str) -> tuple[str, ...]:
        shift = self.rng.choice((1, 31, 32, 5, self.rng.randrange(100)))
        return (f"st.shared.b32 [%xch], {self.pick('r')};", bar, f"add.u32 %t1, %tx, {shift};", "rem.u32 %t1, %t1, %nt;",
                "mad.wide.u32 %a0, %t1, 4, %xch0;", f"ld.shared.b32 {self.pick('r', True)}, [%a0];", bar)  # fmt: skip

    def _collective(self) -> Line:
        """An instruction of all lanes of the region; of its lanes in parts, each with a mask of its own; or one that
        some lanes reach in another place than the others."""
        choice, place = self.rng.random(), self._kind_of_warp()
        texts = self._apart(place) if choice < APART else place()
        choice = self.rng.random()
        if choice < PARTS:
            texts = (*self._parts(), *(text.replace("{m}", "%t7") for text in texts))
        elif choice < PARTS + GUARDED and len(texts) == 1:
            p = self.pick("p")
            texts = (f"vote.sync.ballot.b32 %t7, {p}, {{m}};", f"@{p} {texts[0].replace('{m}', '%t7')}")
        return Line(texts, True)

    def _kind_of_warp(self) -> Callable[[], tuple[str, ...]]:
        """Makes instructions of a warp that differ in their operands only."""
        kind = self.rng.choice(("vote", "vote", "shfl", "shfl", "shfl", "redux", "bar"))
        if kind == "bar":
            return lambda: ("bar.warp.sync {m};",)
        if kind == "vote":
            mode = self.rng.choice(("all.pred", "any.pred", "uni.pred", "ballot.b32"))
            return lambda: (self._vote(mode),)
        if kind == "redux":
            op = self.rng.choice([f"{o}.{t}" for o in ("add", "min", "max") for t in ("s32", "u32")]
                                 + ["and.b32", "or.b32", "xor.b32"])  # fmt: skip
            return lambda: (f"redux.sync.{op} {self.pick('r', True)}, {self.pick('r')}, {{m}};",)
        mode = self.rng.choice(("up", "down", "bfly", "idx"))
        return lambda: self._shuffle(mode)

    def _vote(self, mode: str) -> str:
        target = self.pick("r", True) if mode == "ballot.b32" else self.pick("p")
        return f"vote.sync.{mode} {target}, {self.rng.choice(('', '!'))}{self.pick('p')}, {{m}};"

    def _parts(self) -> tuple[str, ...]:
        """In %t7 the lanes of one's own part: a tile of neighbours, or all that share a predicate's value."""
        if self.rng.random() < 0.5:
            size = self.rng.choice((2, 4, 8, 16))
            return (f"and.b32 %t6, %ln, {32 - size};", f"mov.b32 %t7, {(1 << size) - 1};", "shl.b32 %t7, %t7, %t6;",
                    "and.b32 %t7, %t7, {m};")  # fmt: skip
        p = self.pick("p")
        return (f"vote.sync.ballot.b32 %t7, {p}, {{m}};", f"@!{p} not.b32 %t7, %t7;", "and.b32 %t7, %t7, {m};")

    def _apart(self, place: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Lanes meet at one kind of instruction in two places: only its qualifiers and mask must be the same."""
        return (f"@{self.pick('p')} bra {{label}}other;", *place(), "bra {label}end;", "{label}other:", *place(),
                "{label}end:")  # fmt: skip

    def _shuffle(self, mode: str) -> tuple[str, ...]:
        """What comes from a lane that takes no part is open: who takes part is asked, and the own value kept there."""
        clamp = self.rng.choice((0, 31, 31, 7, 0x1C03, 0x1807, 0x100F, 0x101F, 0x1E00))
        constant = self.rng.random() < 0.6
        b = str(self.rng.choice((0, 1, 2, 4, 8, 16, 31, self.rng.randrange(32)))) if constant else self.pick("r")
        a, d, p = self.pick("r"), self.pick("r", True), self.pick("p")
        return ("vote.sync.ballot.b32 %t3, %yes, {m};", f"shfl.sync.{mode}.b32 %t4|{p}, {a}, {b}, {clamp}, {{m}};",
                *self._source_lane(mode, b, clamp), "shr.u32 %t3, %t3, %t5;", "and.b32 %t3, %t3, 1;",
                "setp.ne.u32 %q2, %t3, 0;", f"selp.b32 {d}, %t4, {a}, %q2;")  # fmt: skip

    @staticmethod
    def _source_lane(mode: str, b: str, clamp: int) -> tuple[str, ...]:
        """The lane read from, in %t5, where the shuffle found one in range; elsewhere any."""
        start = (f"and.b32 %t5, {b}, 31;",)
        if mode == "up":
            return (*start, "sub.u32 %t5, %ln, %t5;")
        if mode == "down":
            return (*start, "add.u32 %t5, %ln, %t5;")
        if mode == "bfly":
            return (*start, "xor.b32 %t5, %ln, %t5;")
        segment = clamp >> 8 & 31
        return (*start, f"and.b32 %t5, %t5, {~segment & 31};", f"and.b32 %t6, %ln, {segment};", "or.b32 %t5, %t5, %t6;")
