"""Columns of a SQLite table as NumPy arrays: SQLite makes them, no Python object stands for a row.

In: an open database, and names of columns. Out: int64 arrays in the order of the rows; a column that the table lacks is
filled. A block of rows comes back as one text a column (`group_concat`), which NumPy parses. A million rows of 19
columns take 2 s; fetchall takes 6 s; ADBC and ConnectorX take 1.5 s, for an Arrow or a Rust library more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from harness.errors import FuseproofError
from harness.timeline.names import one_line

Integers: TypeAlias = npt.NDArray[np.int64]

_BLOCK = 1 << 16  # rows
_FIRST, _LAST = -(1 << 63), (1 << 63) - 1  # row ids
UNREADABLE = (sqlite3.Error, UnicodeError, ValueError)


@dataclass(slots=True)
class Tables:
    """The tables of an open database. `cut_off`: a table whose pages are not all there gives the rows before."""

    path: Path
    connection: sqlite3.Connection
    columns: Mapping[str, frozenset[str]]  # by table
    cut_off: bool = False
    broken: dict[str, int] = field(default_factory=dict)  # rows that were read of tables that break off

    def integers(
        self, table: str, wanted: Mapping[str, int], *, strict: Mapping[str, int] | None = None, where: str = "1"
    ) -> dict[str, Integers]:
        """The wanted columns, and `rowid`: NULL, and a column that is not there, is the value that `wanted` gives.

        What is no integer becomes one as CAST says; in a `strict` column it is the value given there.
        """
        strict = strict or {}
        here = [name for name in {**wanted, **strict} if name in self.columns[table]]
        expressions = [_strict(name, strict[name]) if name in strict else _cast(name, wanted[name]) for name in here]
        arrays = [np.concatenate(parts) for parts in zip(*self._blocks(table, expressions, where), strict=True)]
        found = dict(zip(["rowid", *here], arrays, strict=True)) if arrays else {}
        rows = len(found["rowid"]) if found else 0
        return {
            name: found[name] if name in found else np.full(rows, missing, np.int64)
            for name, missing in {"rowid": 0, **wanted, **strict}.items()
        }

    def texts(self, table: str, expression: str, where: str = "1") -> tuple[Integers, list[str]]:
        """Row ids in order, and the texts of their rows."""
        read: list[tuple[int, str]] = []
        sql = f'SELECT rowid, {expression} FROM "{table}" NOT INDEXED WHERE {where} ORDER BY rowid'
        self._collect(table, sql, read)
        return np.fromiter((row for row, _ in read), np.int64, len(read)), [text for _, text in read]

    def rows(self, table: str, sql: str) -> list[tuple[Any, ...]]:
        """What a query on one small table yields."""
        read: list[tuple[Any, ...]] = []
        self._collect(table, sql, read)
        return read

    def _collect(self, table: str, sql: str, read: list[Any]) -> None:
        try:
            for row in self.connection.execute(sql):
                read.append(row)
        except UNREADABLE as error:
            self._break(table, len(read), error)

    def _blocks(self, table: str, expressions: list[str], where: str) -> Iterator[list[Integers]]:
        columns = ["rowid", *expressions]
        behind = f'FROM "{table}" NOT INDEXED WHERE rowid > ?'  # in order of row ids
        last_of_block = f"SELECT rowid {behind} ORDER BY rowid LIMIT 1 OFFSET {_BLOCK - 1}"
        joined = (
            f"SELECT {', '.join(f'group_concat({column})' for column in columns)} {behind} AND rowid <= ? AND {where}"
        )
        first, rows = _FIRST, 0
        try:
            while first < _LAST:
                (last,) = self.connection.execute(last_of_block, (first,)).fetchone() or (_LAST,)
                texts = self.connection.execute(joined, (first, last)).fetchone()
                if texts[0] is not None:
                    block = [np.fromstring(text, np.int64, sep=",") for text in texts]
                    if not _ascending(block[0], first):
                        raise ValueError("row ids are out of order")
                    rows += len(block[0])
                    yield block
                if last <= first:
                    raise ValueError("row ids are out of order")
                first = last
        except UNREADABLE as error:
            rest = self._before_break(f"SELECT {', '.join(columns)} {behind} AND {where} ORDER BY rowid", first)
            self._break(table, rows + len(rest), error)
            if rest:
                yield list(np.array(rest, np.int64).T)

    def _before_break(self, sql: str, first: int) -> list[tuple[int, ...]]:
        """Rows one by one until the database breaks off: a page of which half is there gives zeros for row ids."""
        read: list[tuple[int, ...]] = []
        try:
            for row in self.connection.execute(sql, (first,)):
                if row[0] <= first:
                    return read
                read.append(row)
                first = row[0]
        except UNREADABLE:
            pass
        return read

    def _break(self, table: str, rows: int, error: Exception) -> None:
        if not self.cut_off:
            raise FuseproofError(
                f"{self.path} is damaged: table {table} cannot be read behind {rows:,} rows ({one_line(str(error))}); "
                "export the report again: nsys export --type sqlite"
            ) from error
        self.broken[table] = max(self.broken.get(table, 0), rows)


def _ascending(row_ids: Integers, first: int) -> bool:
    return bool(row_ids[0] > first and (row_ids[1:] > row_ids[:-1]).all())


def _cast(column: str, missing: int) -> str:
    return f'ifnull(CAST("{column}" AS INTEGER), {missing})'


def _strict(column: str, missing: int) -> str:
    return f"""CASE typeof("{column}") WHEN 'integer' THEN "{column}" ELSE {missing} END"""
