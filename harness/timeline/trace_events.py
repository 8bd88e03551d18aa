"""Columns of the events of a Chrome trace (JSON, plain or gzipped), read by a small C library in one pass.

In: a file, and a `Layout` that says which events and arguments to keep. Out: `Events`, int64 columns by table; no event
becomes a Python object. Decimal numbers go to integers digit by digit; a double would lose the nanoseconds of time
stamps. A file that breaks off gives what was whole; one that is damaged is one sentence.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import cffi
import numpy as np
import numpy.typing as npt

from harness.errors import FuseproofError
from harness.timeline.foreign import GZIP, GZIP_FORMAT
from harness.vgpu.native import shared_library

_HERE = Path(__file__).parent
_BLOCK = 8 << 20
_COMPRESSED = 256 << 10
_LONGEST = 512 << 20  # an event, or a member of the document beside the events, that is longer is no trace's

# slots of every event; those of arguments follow
NAME, START, DURATION, PROCESS, THREAD, CODE, FIRST_ARGUMENT = range(7)


@dataclass(frozen=True, slots=True)
class Layout:
    """What to keep of an event. `categories`: the table that it goes to, or None, and its code there."""

    categories: Mapping[str, tuple[int | None, int]]
    arguments: Mapping[str, tuple[int, int]]  # slot, and how many numbers of a list
    tables: Sequence[Sequence[int]]  # slots that each table keeps


@dataclass(frozen=True, slots=True)
class Events:
    """`tables[i][slot]` is a column; START and DURATION are in ns, NAME an index of `names`."""

    tables: tuple[Mapping[int, npt.NDArray[np.int64]], ...]
    names: tuple[str, ...]
    other: Mapping[str, Any]  # what the document has beside its events
    events: int  # complete ones, of all categories
    known: int  # of categories of the layout that no table keeps
    bad: int  # of kept categories, without times that are numbers; in no table
    bytes_read: int  # of the text, decompressed
    truncated: bool


@cache
def _library() -> tuple[Any, Any]:
    header = _HERE / "trace_events.h"
    path = shared_library("trace_events", [_HERE / "trace_events.c"], [header], ["-O3", "-include", "stdint.h"])
    ffi = cffi.FFI()
    ffi.cdef(header.read_text())
    return ffi, ffi.dlopen(str(path))


def read(path: Path, layout: Layout) -> Events:
    """The events of a file."""
    ffi, lib = _library()
    reader = ffi.gc(lib.trace_open(), lib.trace_close)
    _configure(ffi, lib, reader, layout)
    bytes_read, pending, whole = 0, b"", False
    try:
        with path.open("rb") as file:
            for block, last in _blocks(file):
                whole = last
                text = pending + block if pending else block
                done = lib.trace_feed(reader, ffi.from_buffer(text), len(text))
                if done < 0:
                    raise _damaged(path, ffi, lib.trace_look(reader), bytes_read)
                bytes_read += done
                pending = text[done:]
                if len(pending) > _LONGEST:
                    raise FuseproofError(f"{path} is no trace: byte {bytes_read} begins a value of more than 512 MB")
    except OSError as error:
        raise FuseproofError(f"{path} cannot be read: {error.strerror or error}") from error
    state = lib.trace_look(reader)
    if state.stage == 0:
        raise FuseproofError(
            f"{path} is empty: there is no trace in it"
            if whole or not path.stat().st_size
            else f"{path} breaks off before its first event: export it again"
        )
    if not state.found:
        raise FuseproofError(f"{path} is JSON without traceEvents: no trace of torch.profiler")
    return _events(ffi, lib, reader, layout, bytes_read, truncated=state.stage != 3 or not whole)


def _blocks(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """The text in blocks; the second of a pair says, with the last, that the file is whole."""
    block = file.read(_COMPRESSED)
    if block.startswith(GZIP):
        yield from _inflated(file, block)
        return
    while block:
        yield block, True
        block = file.read(_BLOCK)


def _inflated(file: BinaryIO, block: bytes) -> Iterator[tuple[bytes, bool]]:
    inflater = zlib.decompressobj(wbits=GZIP_FORMAT)
    while block:
        if inflater.eof:  # one more member of the same file
            inflater = zlib.decompressobj(wbits=GZIP_FORMAT)
        try:
            text = inflater.decompress(block)
        except zlib.error as error:
            raise FuseproofError(f"{file.name} is damaged: it cannot be decompressed ({error})") from error
        block = inflater.unused_data.lstrip(b"\0") or file.read(_COMPRESSED)
        yield text, inflater.eof


def _configure(ffi: Any, lib: Any, reader: Any, layout: Layout) -> None:
    failed = 0
    for category, (table, code) in layout.categories.items():
        failed |= lib.trace_category(reader, category.encode(), -1 if table is None else table, code)
    for key, (slot, count) in layout.arguments.items():
        failed |= lib.trace_argument(reader, key.encode(), slot, count)
    for table, slots in enumerate(layout.tables):
        failed |= lib.trace_table(reader, table, ffi.new("int32_t[]", list(slots)), len(slots))
    assert not failed, "the layout has more categories, arguments or columns than trace_events.c has room for"


def _damaged(path: Path, ffi: Any, state: Any, before: int) -> FuseproofError:
    message = ffi.string(state.message).decode()
    if state.stage == 0:
        return FuseproofError(
            f"{path} is no trace: {message}; traces of torch.profiler and SQLite exports of Nsight Systems are read"
        )
    return FuseproofError(
        f"{path} is damaged at byte {before + state.at}, behind {state.events:,} events: {message}; export it again"
    )


def _events(ffi: Any, lib: Any, reader: Any, layout: Layout, bytes_read: int, *, truncated: bool) -> Events:
    state = lib.trace_look(reader)

    def column(table: int, index: int) -> npt.NDArray[np.int64]:
        return _array(ffi, lib.trace_column(reader, table, index), lib.trace_rows(reader, table))

    return Events(
        tables=tuple(
            {slot: column(table, index) for index, slot in enumerate(slots)}
            for table, slots in enumerate(layout.tables)
        ),
        names=tuple(_names(ffi, lib, reader)),
        other=_other(ffi, lib, reader),
        events=state.events,
        known=state.known,
        bad=state.bad,
        bytes_read=bytes_read,
        truncated=truncated,
    )


def _array(ffi: Any, pointer: Any, count: int) -> npt.NDArray[np.int64]:
    """A copy: the library's memory ends with its reader."""
    if not count:
        return np.empty(0, np.int64)
    return np.frombuffer(ffi.buffer(pointer, count * 8), np.int64).copy()


def _names(ffi: Any, lib: Any, reader: Any) -> Iterator[str]:
    state = lib.trace_look(reader)
    raw = ffi.buffer(lib.trace_names(reader), state.name_bytes)[:] if state.name_bytes else b""
    start = 0
    for end in _array(ffi, lib.trace_name_ends(reader), state.names).tolist():
        yield _text(raw[start:end])
        start = end


def _text(raw: bytes) -> str:
    """A JSON string's content as text that can be printed, whatever was in it."""
    text = raw.decode("utf-8", "replace")
    if "\\" in text:
        try:
            text = json.loads(f'"{text}"', strict=False)
        except ValueError:
            return text  # an escape that is none, as of a path on Windows
    return text.encode("utf-8", "replace").decode()


def _other(ffi: Any, lib: Any, reader: Any) -> Mapping[str, Any]:
    size = lib.trace_look(reader).other_bytes
    raw = ffi.buffer(lib.trace_other(reader), size)[:] if size else b""
    try:
        return json.loads(b"{" + raw + b"}", strict=False)
    except (ValueError, RecursionError):
        return {}
