"""LLVM IR to object code and to a callable address; object code is kept on disk.

In: the IR of one kernel. Out: the address of its `warp` function in this process.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from harness.vgpu.cache import cache_directory, publish, read
from harness.vgpu.jit.target import Target
from harness.vgpu.layout import LAYOUT

_lock = threading.Lock()
_libraries: dict[str, tuple[llvm.ResourceTracker, int]] = {}


@cache
def host() -> Target:
    """This machine's CPU."""
    _initialise()
    return Target(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


@cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _triple(target: Target) -> llvm.Target:
    if not target.triple:
        return llvm.Target.from_default_triple()
    llvm.initialize_all_targets()  # code for another kind of CPU: to look at, not to run
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(target.triple)


@cache
def _machine(target: Target) -> llvm.TargetMachine:
    _initialise()
    triple = _triple(target)
    # one object is one mapping, so constants are always in reach of the small code model
    return triple.create_target_machine(
        cpu=target.cpu, features=target.features, opt=target.optimisation, reloc="pic", codemodel="small"
    )


@cache
def _linker() -> llvm.LLJIT:
    _initialise()
    return llvm.create_lljit_compiler(use_jit_link=True)


def _hash_of_this_compiler() -> bytes:
    """The hash of everything that decides what code comes out: this package's sources, the layouts and LLVM."""
    digest = hashlib.sha256(f"{llvmlite.__version__} {llvm.llvm_version_info} {LAYOUT}".encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


# taken at import, so that a process whose sources change on disk does not store its old code under the new name
_VERSION = _hash_of_this_compiler()


def cache_key(*parts: str, target: Target) -> str:
    """Names object code by what went into it."""
    digest = hashlib.sha256(_VERSION)
    for part in (*parts, target.triple, target.cpu, target.features, str(target.optimisation)):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def object_code(ir: str, target: Target) -> bytes:
    """Optimise and translate one module."""
    machine = _machine(target)
    module = llvm.parse_assembly(ir)
    module.verify()
    _improve(module, machine)
    return bytes(machine.emit_object(module))


def _improve(module: llvm.ModuleRef, machine: llvm.TargetMachine) -> None:
    """The few passes that pay: nvcc has optimised the program already, what is left is what lowering brings in."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_sccp_pass()  # and so no code that constants make unreachable: NewGVN of LLVM 22 aborts on some of it
    passes.add_simplify_cfg_pass()
    passes.add_new_gvn_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))


def stored(key: str) -> bytes | None:
    """What was stored under this key; None where there is nothing, or where the file was damaged."""
    content = read(_path(key)) or b""
    check, kept = content[:CHECK_BYTES], content[CHECK_BYTES:]
    return kept if check == _check(kept) else None


def store(key: str, content: bytes) -> None:
    publish(_path(key), _check(content) + content)


CHECK_BYTES = 16


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=CHECK_BYTES).digest()


def _path(key: str) -> Path:
    return cache_directory() / "objects" / key[:2] / f"{key}.o"


def link(key: str, code: bytes) -> int:
    """Load object code into the process; returns the address of `warp`."""
    with _lock:
        if key not in _libraries:
            builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol("warp")
            tracker = builder.link(_linker(), f"k{key}")
            _libraries[key] = (tracker, tracker["warp"])
        return _libraries[key][1]
