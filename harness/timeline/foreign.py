"""Files that people take for traces: what they are, by their first bytes, and what to do with them.

In: the beginning of a file. Out: the end of a sentence that begins with the file's name.
"""

from __future__ import annotations

import zlib

EXPORT = "nsys export --type sqlite"
SQLITE = b"SQLite format 3\0"
GZIP = b"\x1f\x8b"
GZIP_FORMAT = 31  # zlib's wbits: a header and a trailer of gzip around the data
LONGEST = 64  # bytes of a file that are enough to know it

_KNOWN = (
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it first"),
    (b"\xfd7zXZ\0", "is compressed with xz: unpack it first"),
    (b"BZh", "is compressed with bzip2: unpack it first"),
    (b"PK\x03\x04", "is a zip archive: unpack it first"),
    (b"\x89HDF", f"is an HDF5 export: export the report with {EXPORT}"),
    (b"ARROW1", f"is an Arrow export: export the report with {EXPORT}"),
    (b"PAR1", f"is a Parquet export: export the report with {EXPORT}"),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself: git lfs pull fetches it"),
)


def foreign(start: bytes) -> str:
    """What a file is that begins so, "" where it may be a trace or is something unheard of."""
    return next((text for magic, text in _KNOWN if start.startswith(magic)), "") or _packed(start)


def _packed(start: bytes) -> str:
    """Only JSON is read through gzip: SQLite needs a file that it can seek in."""
    if not start.startswith(GZIP):
        return ""
    try:
        inside = zlib.decompressobj(wbits=GZIP_FORMAT).decompress(start, len(SQLITE))
    except zlib.error:
        return ""
    if inside == SQLITE:
        return "is an SQLite database compressed with gzip: unpack it first"
    return "is compressed with gzip twice: unpack it once" if inside.startswith(GZIP) else ""
