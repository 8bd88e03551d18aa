"""PTX text to a `program.Module`.

The grammar is that of PTX ISA 6.0 to 9.x as compilers emit it. Instructions are taken apart, not judged: what one
means, and whether it is supported, is for the JIT to say, when a kernel that holds it runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from harness.vgpu.ptx import declarations
from harness.vgpu.ptx.body import Body, function_directives, skip_pragma
from harness.vgpu.ptx.names import Names
from harness.vgpu.ptx.program import Function, Module, Register, Symbol, Variable
from harness.vgpu.ptx.tokens import END, Cursor


def parse(text: str, name: str = "<ptx>") -> Module:
    """The program that `text` describes; `name` stands in messages.

    Raises `InvalidPtx`, or `UnsupportedPtx` for the few declarations that have no place in the program.
    """
    text = text.rstrip("\0")
    reader = _Reader(Cursor(text, name))
    reader.read()
    return Module(
        name=name,
        version=reader.version,
        target=reader.target,
        functions=reader.functions,
        prototypes=reader.prototypes,
        variables=reader.variables,
        text=text,
    )


@dataclass(slots=True)
class _Reader:
    cursor: Cursor
    names: Names = field(default_factory=Names)
    version: tuple[int, int] = (0, 0)
    target: str = ""
    functions: dict[str, Function] = field(default_factory=dict)
    prototypes: dict[str, Function] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    files: dict[int, str] = field(default_factory=dict)

    def read(self) -> None:
        cursor = self.cursor
        self.files = _files(cursor.texts)
        while (text := cursor.peek()) is not END:
            handler = _DIRECTIVES.get(text)
            if handler is None:
                cursor.fail(f"'{text}' cannot stand outside of a function")
            handler(self)
        if not self.version[0] or not self.target:
            cursor.fail("a module needs .version and .target", 1)

    # --- about the module ---------------------------------------------------------------------

    def _version(self) -> None:
        self.cursor.at += 1
        found = re.fullmatch(r"(\d+)\.(\d+)", self.cursor.peek())
        if found is None:
            self.cursor.fail("'.version' needs a number such as 8.4")
        self.cursor.at += 1
        self.version = int(found[1]), int(found[2])

    def _target(self) -> None:
        self.cursor.at += 1
        self.target = self.cursor.name()
        while self.cursor.accept(","):
            self.cursor.name()

    def _address_size(self) -> None:
        self.cursor.at += 1
        if self.cursor.take() != "64":
            self.cursor.at -= 1
            self.cursor.refuse("an address size other than 64")

    def _file(self) -> None:
        """`.file 1 "path", timestamp, size`: gathered at the start, as `.loc` may name a file that comes later."""
        self.cursor.at += 3
        while self.cursor.accept(","):
            self.cursor.at += 1

    def _pragma(self) -> None:
        skip_pragma(self.cursor)

    def _section(self) -> None:
        self.cursor.fail("a debug section is not closed")

    def _alias(self) -> None:
        cursor = self.cursor
        cursor.at += 1
        alias = cursor.name()
        cursor.expect(",")
        original = self.functions.get(cursor.name())
        if original is None:
            cursor.fail("an alias needs a function that is defined above")
        cursor.expect(";")
        self.prototypes.pop(alias, None)
        self.functions[alias] = replace(original, name=alias)
        self.names.declare(alias, Symbol(alias))

    # --- variables ----------------------------------------------------------------------------

    def _linkage(self) -> None:
        """`.visible`, `.weak`, `.common`, `.extern`: only the last says something, that there is no definition."""
        extern = self.cursor.take() == ".extern"
        following = self.cursor.peek()
        if following in (".entry", ".func"):
            self._function()
        elif following in declarations.SPACES:
            self._declare_variables(extern=extern)
        else:
            self.cursor.fail("expected a function or a variable")

    def _declare_variables(self, *, extern: bool = False) -> None:
        for variable in declarations.variables(self.cursor, self.names, extern=extern):
            before = self.variables.get(variable.name)
            if (before is not None and not before.extern and not extern) or variable.name in self._functions():
                self.cursor.fail(f"'{variable.name}' is declared a second time")
            if before is None or before.extern:
                self.variables[variable.name] = variable
            self.names.declare(variable.name, Symbol(variable.name))

    def _functions(self) -> Iterable[str]:
        return self.functions.keys() | self.prototypes.keys()

    # --- functions ----------------------------------------------------------------------------

    def _function(self) -> None:
        cursor, names = self.cursor, self.names
        line = cursor.line()
        is_kernel = cursor.take() == ".entry"
        directives = function_directives(cursor)
        returns = declarations.parameters(cursor) if cursor.peek() == "(" else ()
        name = cursor.name()
        if name in self.functions or name in self.variables:
            cursor.fail(f"'{name}' is declared a second time", line)
        names.declare(name, Symbol(name))
        parameters = declarations.parameters(cursor) if cursor.peek() == "(" else ()
        directives |= function_directives(cursor)
        function = Function(name, is_kernel, parameters, returns, (), (), (), directives, line)
        if cursor.accept(";"):
            self.prototypes[name] = function
            return
        self.functions[name] = self._with_body(function)
        self.prototypes.pop(name, None)

    def _with_body(self, function: Function) -> Function:
        cursor, names = self.cursor, self.names
        names.open()
        body = Body(cursor, names, self.files)
        returns = tuple(self._parameter(variable, body) for variable in function.returns)
        parameters = tuple(self._parameter(variable, body) for variable in function.parameters)
        body.read()
        blocks = body.blocks(end_line=cursor.lines[cursor.at - 1])
        names.close()
        return replace(
            function,
            parameters=parameters,
            returns=returns,
            registers=tuple(body.registers),
            variables=tuple(body.variables),
            blocks=blocks,
            call_prototypes=body.call_prototypes,
        )

    def _parameter(self, variable: Variable, body: Body) -> Variable:
        names = self.names
        if variable.name != "_" and names.is_declared_here(variable.name):
            self.cursor.fail(f"the parameter '{variable.name}' is declared a second time")
        unique = names.unique(variable.name)
        if variable.space == "reg":
            register = Register(unique, variable.type)
            body.registers.append(register)
            names.declare(variable.name, register)
        elif variable.name != "_":
            names.declare(variable.name, Symbol(unique))
        return variable if unique == variable.name else replace(variable, name=unique)


def _files(texts: list[str]) -> dict[int, str]:
    found: dict[int, str] = {}
    at = -1
    for _ in range(texts.count(".file")):
        at = texts.index(".file", at + 1)
        number, path = texts[at + 1 : at + 3]
        if number.isdecimal() and path.startswith('"'):
            found[int(number)] = re.sub(r"\\(.)", r"\1", path[1:-1])
    return found


_DIRECTIVES: dict[str, Callable[[_Reader], None]] = {
    ".version": _Reader._version,
    ".target": _Reader._target,
    ".address_size": _Reader._address_size,
    ".file": _Reader._file,
    ".pragma": _Reader._pragma,
    ".section": _Reader._section,
    ".alias": _Reader._alias,
    **dict.fromkeys((".visible", ".weak", ".common", ".extern"), _Reader._linkage),
    **dict.fromkeys((".entry", ".func"), _Reader._function),
    **dict.fromkeys((".global", ".const", ".shared", ".local", ".param"), _Reader._declare_variables),
}
