"""LLVM IR as text: names, types and the few shorthands that every lowering rule uses.

A value is the name of an SSA value or a constant; its type travels beside it as a scalar type ("i32", "float")
and a number of lanes: 1 is the scalar itself, more is an LLVM vector.
"""

from __future__ import annotations

import struct

LANES = 32

BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "i128": 128, "half": 16, "bfloat": 16, "float": 32,
        "double": 64}  # fmt: skip

_MANGLED = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64", "ptr": "p0"}


def llvm_type(scalar: str, lanes: int) -> str:
    """`i32` or `<32 x i32>`."""
    return scalar if lanes == 1 else f"<{lanes} x {scalar}>"


def splat(scalar: str, literal: str | int, lanes: int) -> str:
    """A constant in every lane."""
    return str(literal) if lanes == 1 else f"splat ({scalar} {literal})"


def float_literal(value: float) -> str:
    """An LLVM literal for a float or double constant; for `float` the value must be representable in FP32."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


def constant_vector(scalar: str, values: list[int]) -> str:
    return "<" + ", ".join(f"{scalar} {value}" for value in values) + ">"


class Emitter:
    """The body of one LLVM function while it grows."""

    def __init__(self) -> None:
        self.allocas: list[str] = []
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self._count = 0

    def name(self, hint: str = "v") -> str:
        self._count += 1
        return f"{hint}.{self._count}"

    def do(self, text: str) -> None:
        self.lines.append("  " + text)

    def let(self, text: str) -> str:
        """Emit `%new = text`; returns the new value."""
        value = "%" + self.name()
        self.lines.append(f"  {value} = {text}")
        return value

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def alloca(self, name: str, type_: str) -> str:
        self.allocas.append(f"  %{name} = alloca {type_}, align 64")
        return f"%{name}"

    def hold(self, slot: str) -> None:
        """Keep a stack slot in memory: what code unknown to LLVM may know the address of becomes no SSA value."""
        self.allocas.append(f'  call void asm sideeffect "", "r"(ptr {slot})')

    def binary(self, operation: str, scalar: str, lanes: int, a: str, b: str) -> str:
        return self.let(f"{operation} {llvm_type(scalar, lanes)} {a}, {b}")

    def cast(self, operation: str, source: str, lanes: int, value: str, target: str) -> str:
        """`zext`, `sext`, `trunc`, `fptrunc`, … lane by lane; nothing where the types are the same."""
        if source == target:
            return value
        return self.let(f"{operation} {llvm_type(source, lanes)} {value} to {llvm_type(target, lanes)}")

    def bitcast(self, from_type: str, value: str, to_type: str) -> str:
        if from_type == to_type:
            return value
        return self.let(f"bitcast {from_type} {value} to {to_type}")

    def select(self, condition: str, scalar: str, lanes: int, a: str, b: str) -> str:
        type_ = llvm_type(scalar, lanes)
        return self.let(f"select {llvm_type('i1', lanes)} {condition}, {type_} {a}, {type_} {b}")

    def intrinsic(self, name: str, scalar: str, lanes: int, *arguments: str, extra: str = "") -> str:
        """Call an overloaded LLVM intrinsic whose operands and result have one type: llvm.fma.v32f32."""
        type_ = llvm_type(scalar, lanes)
        mangled = _MANGLED.get(scalar, scalar)
        suffix = mangled if lanes == 1 else f"v{lanes}{mangled}"
        parameters = ", ".join([type_] * len(arguments) + (["i1"] if extra else []))
        self.declarations[f"llvm.{name}.{suffix}"] = f"declare {type_} @llvm.{name}.{suffix}({parameters})"
        passed = ", ".join([f"{type_} {a}" for a in arguments] + ([f"i1 {extra}"] if extra else []))
        return self.let(f"call {type_} @llvm.{name}.{suffix}({passed})")

    def reduce(self, name: str, scalar: str, value: str) -> str:
        """llvm.vector.reduce.* over all lanes."""
        type_ = llvm_type(scalar, LANES)
        function = f"llvm.vector.reduce.{name}.v{LANES}{scalar}"
        self.declarations[function] = f"declare {scalar} @{function}({type_})"
        return self.let(f"call {scalar} @{function}({type_} {value})")

    def shuffle(self, scalar: str, lanes: int, a: str, b: str | None, order: list[int]) -> str:
        type_ = llvm_type(scalar, lanes)
        mask = constant_vector("i32", order)
        return self.let(f"shufflevector {type_} {a}, {type_} {b or 'poison'}, <{len(order)} x i32> {mask}")

    def broadcast(self, scalar: str, value: str, lanes: int = LANES) -> str:
        """A scalar value in every lane."""
        if value[0] != "%":
            return splat(scalar, value, lanes)
        type_ = llvm_type(scalar, lanes)
        one = self.let(f"insertelement {type_} poison, {scalar} {value}, i64 0")
        return self.let(f"shufflevector {type_} {one}, {type_} poison, <{lanes} x i32> zeroinitializer")

    def field(self, base: str, offset: int) -> str:
        """The address `offset` bytes behind a pointer."""
        return base if offset == 0 else self.let(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, type_: str, pointer: str, align: int) -> str:
        return self.let(f"load {type_}, ptr {pointer}, align {align}")

    def store(self, type_: str, value: str, pointer: str, align: int) -> None:
        self.do(f"store {type_} {value}, ptr {pointer}, align {align}")
