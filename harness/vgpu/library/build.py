"""Builds libcuda.so.1 with the host's C compiler, once for each Python; later calls find it in the cache.

In: the prototypes. Out: the path of a library that cffi generates (embedding mode): each exported function
calls Python, and the first call of any imports `harness.vgpu.driver.exports`, which defines them. The library
isn't linked with libpython: the interpreter that loads it has those symbols.

`python -m harness.vgpu.library.build --into DIR` places `libcuda.so.1` and `libcuda.so` in DIR, to link PyCUDA.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from harness.errors import FuseproofError
from harness.vgpu import cache, native
from harness.vgpu.errors import VgpuError
from harness.vgpu.library import prototypes

SONAME = "libcuda.so.1"
MODULE = "_fuseproof_libcuda"
CLOSED = "fuseproof_closed"  # a variable of call.c
FLAGS = ("-shared", "-fPIC", "-O1", "-w", f"-Wl,-soname,{SONAME}")
_START = "import harness.vgpu.driver.exports"
_CALL = (Path(__file__).parent / "call.c").read_text(encoding="utf-8")


def build() -> Path:
    """The library's path; compiled where the cache doesn't hold it yet."""
    path = cache.cache_directory() / "library" / _key() / SONAME
    if not path.exists():
        cache.publish(path, _compiled())
    return path


def place(folder: Path) -> None:
    """Put the library into a folder under its run-time and its link-time name."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(build(), folder / SONAME)
    link = folder / "libcuda.so"
    link.unlink(missing_ok=True)
    link.symlink_to(SONAME)


def _key() -> str:
    import cffi

    parts = (prototypes.TYPES, prototypes.FUNCTIONS, _CALL, Path(__file__).read_text(encoding="utf-8"))
    versions = (sys.version, cffi.__version__, sysconfig.get_platform())
    return hashlib.sha256("\0".join(parts + versions).encode()).hexdigest()[:16]


def _compiled() -> bytes:
    compiler, include = native.compiler(), _include()
    with tempfile.TemporaryDirectory() as scratch:
        source, library = Path(scratch) / "libcuda.c", Path(scratch) / SONAME
        source.write_text(_source(), encoding="utf-8")
        command = [compiler, *FLAGS, f"-I{include}", str(source), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise VgpuError(f"libcuda.so.1 does not compile: {shlex.join(command)}\n{done.stderr.strip()}")
        return library.read_bytes()


def _source() -> str:
    """The C source of the library, as cffi generates it."""
    import cffi
    from cffi.recompiler import make_c_source

    ffi = cffi.FFI()
    ffi.cdef(f"{prototypes.TYPES}\nextern int {CLOSED};")
    ffi.embedding_api(prototypes.FUNCTIONS)
    ffi.embedding_init_code(_START)
    emitted = io.StringIO()
    make_c_source(ffi, MODULE, f"#include <stdint.h>\n{prototypes.TYPES}\n{_CALL}", emitted)
    return _no_start_lock(emitted.getvalue())


def _no_start_lock(source: str) -> str:
    """Skip cffi's lock around the start of Python where Python runs already, as it does for every user of this library.

    Before Python 3.12 the lock is a field of PyCapsule_Type that is only free as long as nobody has looked up an
    attribute of a capsule (cffi, _embedding.h, _cffi_carefully_make_gil); after that it would abort, or spin.
    """
    return re.sub(
        r"(static int _cffi_carefully_make_gil\(void\)\s*\{)",
        r"\1\n    if (Py_IsInitialized()) return 0;",
        source,
        count=1,
    )


def _include() -> str:
    """The folder of Python.h."""
    include = sysconfig.get_path("include")
    if not os.path.exists(os.path.join(include, "Python.h")):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise VgpuError(
            f"Python.h is not in {include}, and the vgpu needs it to build its libcuda.so.1: "
            f"install python{version}-dev (Debian, Ubuntu) or python3-devel (Fedora)"
        )
    return include


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m harness.vgpu.library.build", description="Build libcuda.so.1.")
    parser.add_argument("--into", type=Path, metavar="DIR", help="also place libcuda.so.1 and libcuda.so in DIR")
    options = parser.parse_args(arguments)
    try:
        path = build()
        if options.into:
            place(options.into)
    except FuseproofError as error:
        print(error, file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
