"""What is expensive to make and can be made again: compiled kernels and libraries, on disk, named by their input.

A file appears whole or not at all, so processes share the folder without locks. Compiled code is kept up to a limit;
beyond it the files that were not used for longest go.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.vgpu.errors import VgpuError

LIMIT_MB = 2048
BOUNDED = ("objects", "units", "ptxas")  # folders that grow with use; the vgpu's own libraries are few and stay
# bytes that this process may publish before it looks at the whole cache again: the first file makes it look
_until_trim = 0


def cache_directory() -> Path:
    """`$FUSEPROOF_CACHE`, else `$XDG_CACHE_HOME/fuseproof`, else `~/.cache/fuseproof`; made if missing."""
    named = os.environ.get("FUSEPROOF_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(named) if named else Path(home) / "fuseproof"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def limit_bytes() -> int:
    """`$FUSEPROOF_CACHE_MB`, in MiB. Raises VgpuError where that is no number."""
    text = os.environ.get("FUSEPROOF_CACHE_MB", str(LIMIT_MB))
    if not text.isdecimal():
        raise VgpuError(f"FUSEPROOF_CACHE_MB={text!r} is no whole number of MiB")
    return int(text) << 20


def read(path: Path) -> bytes | None:
    """The content of a file of the cache, which counts as used now; None where it is missing."""
    try:
        content = path.read_bytes()
        os.utime(path)
    except FileNotFoundError:  # never written, or thrown out by another process
        return None
    return content


def publish(path: Path, content: bytes) -> None:
    """Write a file so that a reader, in any process, sees all of it or nothing."""
    global _until_trim
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(temporary, 0o755)
    os.replace(temporary, path)
    _until_trim -= len(content)
    if _until_trim <= 0 and path.is_relative_to(cache_directory()):
        _until_trim = limit_bytes() // 50
        trim()


def trim() -> None:
    """Throw out what was not used for longest, until the cache is a fifth below its limit."""
    limit = limit_bytes()
    files = []
    for folder in BOUNDED:
        for path in (cache_directory() / folder).rglob("*"):
            try:
                state = path.stat()
            except FileNotFoundError:  # another process throws out too
                continue
            if path.is_file():
                files.append((state.st_mtime_ns, state.st_size, path))
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, path in sorted(files):
        path.unlink(missing_ok=True)
        total -= size
        if total <= limit * 4 // 5:
            return
