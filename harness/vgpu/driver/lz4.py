"""LZ4 block decompression, for fatbinaries that nvcc compressed with `--compress-mode=speed`.

In: a raw LZ4 block (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md). Out: its content.
"""

from __future__ import annotations

_MINIMUM_MATCH = 4


def decompress(block: bytes, size: int) -> bytes:
    """The content, `size` bytes. Raises ValueError where the block is damaged."""
    content = bytearray()
    at = 0
    try:
        while at < len(block):
            token = block[at]
            literals, at = _length(block, at + 1, token >> 4)
            content += block[at : at + literals]
            at += literals
            if at >= len(block):
                break  # the last sequence has literals only
            offset = int.from_bytes(block[at : at + 2], "little")
            match, at = _length(block, at + 2, token & 15)
            _repeat(content, offset, match + _MINIMUM_MATCH)
    except IndexError:
        raise ValueError("an LZ4 block ends too early") from None
    if len(content) != size:
        raise ValueError(f"an LZ4 block holds {len(content)} bytes instead of {size}")
    return bytes(content)


def _length(block: bytes, at: int, length: int) -> tuple[int, int]:
    """A length that goes on in further bytes where its four bits are full, and the position behind it."""
    if length == 15:
        while block[at] == 255:
            length += 255
            at += 1
        length += block[at]
        at += 1
    return length, at


def _repeat(content: bytearray, offset: int, length: int) -> None:
    """Append `length` bytes from `offset` before the end; the ranges may overlap."""
    if not 0 < offset <= len(content):
        raise ValueError(f"an LZ4 block refers {offset} bytes back, {len(content)} are there")
    start = len(content) - offset
    pattern = content[start : start + length]
    whole, rest = divmod(length, len(pattern))
    content += pattern * whole + pattern[:rest]
