"""What the tests of the PTX front end share: small modules around a few statements."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from harness.vgpu.ptx.parser import parse
from harness.vgpu.ptx.program import Function, Instruction, Module

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

HEADER = ".version 9.0\n.target sm_90a\n.address_size 64\n"
REGISTERS = ".reg .b32 %r<9>;\n.reg .b64 %rd<9>;\n.reg .f32 %f<4>;\n.reg .b16 %h<4>;\n.reg .pred %p<4>;\n"


def kernel_text(statements: str) -> str:
    """A module with one kernel of these statements, which has some registers and a global array `g`."""
    return f"{HEADER}.global .b32 g[4];\n.entry k(.param .u64 p, .param .u32 n)\n{{\n{REGISTERS}{statements}\n}}\n"


@pytest.fixture
def module() -> Callable[[str], Module]:
    """Parse declarations behind a module's header."""
    return lambda declarations: parse(HEADER + declarations)


@pytest.fixture
def kernel() -> Callable[[str], Function]:
    """Parse statements as a kernel's body."""
    return lambda statements: parse(kernel_text(statements)).functions["k"]


@pytest.fixture
def instruction(kernel: Callable[[str], Function]) -> Callable[[str], Instruction]:
    """Parse one instruction."""
    return lambda statement: kernel(statement).blocks[0].instructions[0]


@pytest.fixture
def operands(instruction: Callable[[str], Instruction]) -> Callable[[str], tuple[object, ...]]:
    """Parse one instruction for its operands."""
    return lambda statement: instruction(statement).operands


def toolkit_program(name: str) -> Path:
    """A program of the CUDA toolkit, on the path or in the toolkit's wheels; skips the test without it."""
    if on_path := shutil.which(name):
        return Path(on_path)
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        for found in Path(folder).glob(f"cu*/bin/{name}"):
            return found
    pytest.skip(f"{name} is neither on the path nor in an nvidia wheel")


@pytest.fixture(scope="session")
def nvcc() -> Path:
    """nvcc, which compiles CUDA to PTX."""
    return toolkit_program("nvcc")


@pytest.fixture(scope="session")
def ptxas() -> Path:
    """ptxas, which says what PTX is valid."""
    return toolkit_program("ptxas")


@pytest.fixture
def text_of() -> Callable[[str], str]:
    """A module from a snippet: of kernels where it has any, else of the statements of one."""
    return lambda snippet: HEADER + snippet if ".entry" in snippet else kernel_text(snippet + "\nret;")
