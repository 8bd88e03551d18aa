"""Opens an export of Nsight Systems, or says in one sentence why a file is none.

In: a path. Out: its tables. SQLite's header is looked at first, because SQLite itself has one message for a file that
is cut off, encrypted, or something else altogether. A file that is cut off opens: its tables give the rows before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from harness.errors import FuseproofError
from harness.timeline.foreign import EXPORT, SQLITE
from harness.timeline.names import one_line
from harness.timeline.sqlite_columns import UNREADABLE, Tables

_HEADER = 100  # bytes; https://www.sqlite.org/fileformat.html, 1.3
_WAL = 2
_OURS = ("StringIds", "CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_RUNTIME", "NVTX_EVENTS", "META_DATA_EXPORT")


@dataclass(frozen=True, slots=True)
class _Header:
    size: int  # bytes of the file
    expected: int  # bytes that the header promises; 0 where it does not say
    wal: bool  # a write-ahead log belongs to the file


@contextmanager
def opened(path: Path) -> Iterator[Tables]:
    """The tables of the export."""
    header = _header(path)
    cut_off = header.size < header.expected
    log = Path(f"{path}-wal")
    immutable = "" if header.wal and _size(log) else "&immutable=1"
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro{immutable}", uri=True)
    except sqlite3.Error as error:
        raise FuseproofError(f"{path} cannot be opened: {one_line(str(error))}") from error
    with closing(connection):
        connection.text_factory = _text
        tables = Tables(path, connection, {}, cut_off)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            if cut_off:
                connection.execute("PRAGMA writable_schema = ON")  # else SQLite opens no file that misses pages
            tables.columns = _columns(connection)
        except UNREADABLE as error:
            raise _unreadable(path, header, error) from error
        if not any(table in tables.columns for table in _OURS):
            raise _foreign(path, header, sorted(tables.columns))
        yield tables


def cut_off(path: Path) -> str:
    """How much of the file is there."""
    header = _header(path)
    return f"{header.size:,} of {header.expected:,} bytes are there"


def _columns(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    listed = connection.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'"
    ).fetchall()
    columns: dict[str, set[str]] = {}
    for table, column in listed:
        columns.setdefault(table, set()).add(column)
    return {table: frozenset(names) for table, names in columns.items()}


def _header(path: Path) -> _Header:
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER)
        size = path.stat().st_size
    except OSError as error:
        raise FuseproofError(f"{path} cannot be read: {error.strerror or error}") from error
    if not size:
        raise FuseproofError(f"{path} is empty: export the report again with {EXPORT}")
    if not SQLITE.startswith(start[: len(SQLITE)]):
        raise FuseproofError(f"{path} is no SQLite database, or an encrypted one: export the report with {EXPORT}")
    if len(start) < _HEADER:
        raise FuseproofError(f"{path} is cut off after {size} bytes: export the report again with {EXPORT}")
    if _size(Path(f"{path}-journal")):
        raise FuseproofError(
            f"{path} is not finished, its journal lies beside it: export the report again with {EXPORT}"
        )
    page = int.from_bytes(start[16:18], "big")
    page = 65536 if page == 1 else page
    said = start[24:28] == start[92:96]  # the count of pages holds for this version of the file
    pages = int.from_bytes(start[28:32], "big") if said else 0
    return _Header(size, page * pages, wal=_WAL in start[18:20])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _unreadable(path: Path, header: _Header, error: Exception) -> FuseproofError:
    if header.size < header.expected:
        return FuseproofError(
            f"{path} is cut off: {header.size:,} of {header.expected:,} bytes are there, and no table can be read; "
            f"export the report again with {EXPORT}"
        )
    return FuseproofError(f"{path} is damaged ({one_line(str(error))}): export the report again with {EXPORT}")


def _foreign(path: Path, header: _Header, tables: list[str]) -> FuseproofError:
    if header.wal and not tables:
        return FuseproofError(
            f"{path} has no tables, and the write-ahead log {path.name}-wal that may hold them is missing: "
            "copy it beside the file"
        )
    holds = (
        f"it holds {one_line(', '.join(tables[:5]))}{', …' if len(tables) > 5 else ''}"
        if tables
        else "it has no tables"
    )
    return FuseproofError(f"{path} is a SQLite database, but no export of Nsight Systems: {holds}")
