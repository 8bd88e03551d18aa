"""A kernel and the device functions that it can reach, made ready to be lowered as one piece.

Names of a device function get the function's name in front, so that registers and variables are unique in the whole.
Its `.param` variables live in the thread's local memory: the frame of each activation starts with the place to
return to, then come return values and parameters in the order of the declaration (what caller and callee agree on
without knowing each other), then everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.vgpu.ptx.program import (
    Address,
    Block,
    Function,
    Group,
    Guard,
    Indexed,
    Instruction,
    Module,
    Negated,
    Operand,
    Pair,
    Part,
    Register,
    Symbol,
    Variable,
    Vector,
)

HEADER_BYTES = 8  # where to return to, and how far below the caller's frame lies


def called(instruction: Instruction) -> Operand:
    """The target of a call: a Symbol, or a Register that holds an address."""
    return instruction.operands[1]


def reachable(module: Module, kernel: Function) -> list[Function]:
    """Device functions that the kernel may call, callees before callers where there is no recursion.

    An indirect call may reach every function whose address is taken anywhere in the module.
    """
    order: list[Function] = []
    seen: set[str] = set()

    def visit(function: Function) -> None:
        for name in sorted(_mentioned(module, function)):
            if name not in seen:
                seen.add(name)
                visit(module.functions[name])
                order.append(module.functions[name])

    visit(kernel)
    return order


def _mentioned(module: Module, function: Function) -> set[str]:
    names = set()
    indirect = False
    for instruction in _instructions(function):
        if instruction.opcode == "call" and not isinstance(called(instruction), Symbol):
            indirect = True
        for operand in instruction.operands:
            if isinstance(operand, Symbol) and operand.name in module.functions:
                names.add(operand.name)
    if indirect:
        for variable in module.variables.values():
            names |= {v.name for v in variable.initializer or () if isinstance(v, Symbol)} & set(module.functions)
    return {name for name in names if not module.functions[name].is_kernel}


def recursive(functions: list[Function], module: Module) -> frozenset[str]:
    """Functions that may be active twice at once: those on a cycle of calls."""
    reach = {f.name: _mentioned(module, f) for f in functions}
    for middle in reach:
        for names in reach.values():
            if middle in names:
                names |= reach[middle]
    return frozenset(name for name, names in reach.items() if name in names)


def _instructions(function: Function) -> Iterator[Instruction]:
    for block in function.blocks:
        yield from block.instructions


def localise(function: Function) -> Function:
    """The function with unique names, its `.param` accesses turned into accesses of local memory."""
    prefix = "" if function.is_kernel else f"{function.name}!"
    kernel_parameters = {p.name for p in function.parameters} if function.is_kernel else set()
    own = {v.name for v in (*function.variables, *function.parameters, *function.returns)}

    def name_of(name: str) -> str:
        return prefix + name if name in own else name

    def variable(v: Variable) -> Variable:
        space = "local" if v.space == "param" and v.name not in kernel_parameters else v.space
        return replace(v, name=name_of(v.name), space=space)

    def register(r: Register) -> Register:
        return Register(prefix + r.name, r.type)

    def symbol(s: Symbol) -> Symbol:
        return Symbol(name_of(s.name), s.offset)

    def address(a: Address) -> Address:
        match a.base:
            case Register():
                return Address(register(a.base), a.offset)
            case Symbol():
                return Address(symbol(a.base), a.offset)
        return a

    def operand(o: Operand) -> Operand:
        match o:
            case Register():
                return register(o)
            case Symbol():
                return symbol(o)
            case Address():
                return address(o)
            case Vector(elements):
                return Vector(tuple(map(operand, elements)))
            case Group(elements):
                return Group(tuple(map(operand, elements)))
            case Pair(first, second):
                return Pair(operand(first), operand(second))
            case Negated(held):
                return Negated(register(held))
            case Part(held, which):
                return Part(register(held), which)
            case Indexed(place, parts):
                return Indexed(address(place), tuple(map(operand, parts)))
        return o

    def is_local(i: Instruction) -> bool:
        if i.opcode not in ("ld", "st") or not {"param", "param::func"} & set(i.modifiers):
            return False
        place = next(o for o in i.operands if isinstance(o, Address))
        if function.is_kernel and not isinstance(place.base, Symbol):
            return False
        return not (isinstance(place.base, Symbol) and place.base.name in kernel_parameters)

    def instruction(i: Instruction) -> Instruction:
        modifiers = i.modifiers
        if is_local(i):
            kept = (m for m in modifiers if m not in ("param", "param::func"))
            modifiers = ("param", "local", *kept)  # local memory, though a GPU passes such in registers
        guard = Guard(register(i.guard.register), i.guard.negated) if i.guard else None
        return replace(i, modifiers=modifiers, guard=guard, operands=tuple(map(operand, i.operands)))

    def block(b: Block) -> Block:
        return replace(b, instructions=tuple(map(instruction, b.instructions)))

    return replace(
        function,
        registers=tuple(map(register, function.registers)),
        variables=tuple(map(variable, function.variables)),
        parameters=tuple(map(variable, function.parameters)),
        returns=tuple(map(variable, function.returns)),
        blocks=tuple(map(block, function.blocks)),
    )
