r"""A stored run in LaTeX, each table for \input in a paper. In: a `Run`. Out: text, or a file a table.

Tables are of booktabs: floats with a caption and a label, no wider than the line. The text is ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from harness.results.record import Run
from reports.grid import Table
from reports.stored.sheets import Sheet, sheets

MOST_ROWS = 40  # of a float, which no page break parts
_PACKAGES = "% needs \\usepackage{booktabs,graphicx}\n"

# What TeX reads as commands, what it sets as other signs in its default encoding, what a line's end would take as an
# argument, and the signs beyond ASCII that tables hold.
_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "→": r"$\rightarrow$", "µ": r"$\mu$", "÷": r"$\div$", "·": r"$\cdot$", "√": r"$\surd$", "≤": r"$\leq$",
    "≥": r"$\geq$", "≈": r"$\approx$", "…": r"\ldots{}", "\N{MULTIPLICATION SIGN}": r"$\times$",
}  # fmt: skip
_TRANSLATED = str.maketrans(_SIGNS)


def render(run: Run) -> str:
    """Every table, or the sentence that stands for it."""
    return "\n".join(text for sheet in sheets(run) for text in _texts(sheet).values())


def write(run: Run, folder: Path) -> list[Path]:
    """speedups-SUITE.tex, variants-SUITE.tex, launches.tex, kernels.tex."""
    texts = {folder / f"{name}.tex": text for sheet in sheets(run) for name, text in _texts(sheet).items()}
    return [path for path, text in texts.items() if path.write_text(text)]


def escaped(text: str) -> str:
    """As text that compiles with pdfLaTeX, whatever it holds: of another sign its code point. Two hyphens stay two."""
    return "".join(map(_sign, " ".join(text.split()).translate(_TRANSLATED))).replace("--", "-{}-")


def _sign(character: str) -> str:
    return character if character.isascii() and character.isprintable() else f"U+{ord(character):04X}"


def _texts(sheet: Sheet) -> dict[str, str]:
    """By names of files. Each table stands alone, so that it has the notes of its sheet as well."""
    if not sheet.tables:
        return {sheet.name: "".join(f"{escaped(note)}\n" for note in sheet.notes)}
    return {
        name: _PACKAGES + "\n".join(_floats(name, replace(table, notes=(*table.notes, *sheet.notes))))
        for name, table in sheet.tables.items()
    }


def _floats(label: str, table: Table) -> Iterator[str]:
    """Several where the rows are many; a later one's label has its number, and notes come with the last."""
    starts = range(0, len(table.rows), MOST_ROWS)
    for part, start in enumerate(starts, start=1):
        caption = f"{table.title} ({part} of {len(starts)})" if len(starts) > 1 else table.title
        name = f"{label}-{part}" if part > 1 else label
        notes = table.notes if part == len(starts) else ()
        yield _float(name, caption, table, table.rows[start : start + MOST_ROWS], notes)


def _float(label: str, caption: str, table: Table, rows: tuple[tuple[str, ...], ...], notes: tuple[str, ...]) -> str:
    """The table is set in box 2 first, and made smaller if it is wider than the line."""
    columns = "l" * table.left + "r" * (len(table.headings) - table.left)
    lines = [
        r"\begin{table}[htbp]",
        r"\centering\footnotesize",
        rf"\caption{{{escaped(caption)}}}\label{{tab:{label}}}",
        rf"\sbox2{{\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        _row(table.headings),
        r"\midrule",
        *map(_row, rows),
        r"\bottomrule",
        r"\end{tabular}}%",
        r"\ifdim\wd2>\linewidth\resizebox{\linewidth}{!}{\usebox2}\else\usebox2\fi",
        *(rf"\par\smallskip\raggedright {escaped(note)}" for note in notes),
        r"\end{table}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"
