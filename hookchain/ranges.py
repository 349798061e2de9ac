"""Byte ranges: what a Range header asks for, and a body that holds just that."""

from __future__ import annotations

import secrets
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK_SIZE: Final = 64 * 1024  # bytes

# As httpd's MaxRanges, MaxRangeOverlaps and MaxRangeReversals: more are no download manager but an attack.
_MAX_RANGES: Final = 200
_MAX_OVERLAPS: Final = 20
_MAX_REVERSALS: Final = 20

_MAX_DIGITS: Final = len(str(sys.maxsize)) - 1


class SeekableFile(Protocol):
    """What ranges are cut from."""

    def read(self, size: int, /) -> bytes | None:
        """Read at most so many bytes from where the file stands."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to a place in the file."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class ByteRange(NamedTuple):
    """A piece of a file, from ``start`` up to but without ``stop``, in bytes."""

    start: int
    stop: int

    def content_range(self, length: int) -> str:
        """Give the value for Content-Range, for a file of ``length`` bytes."""
        return f"bytes {self.start}-{self.stop - 1}/{length}"


def parse_ranges(header: str, length: int) -> list[ByteRange] | None:
    """Tell which pieces of a file a Range header asks for.

    Pieces that overlap or touch are made one, so that no request gets more bytes than the file has.

    Args:
        header: The value of Range.
        length: The size of the file, in bytes.

    Returns:
        The pieces, in the order in which they were asked for; an empty list when none of them lies in the file; None
        when the header is to be ignored: it is malformed, has another unit than bytes, or asks for too many pieces.

    Source:
        RFC 9110, sections 14.1.2, 14.2 and 15.3.7; httpd's byterange filter for the limits.
    """
    unit, equals, text = header.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    specs = [spec for spec in (item.strip(" \t") for item in text.split(",")) if spec]
    if not 0 < len(specs) <= _MAX_RANGES:
        return None
    inside: list[ByteRange] = []
    for spec in specs:
        piece = _parse_spec(spec, length)
        if piece is None:
            return None
        if piece.start < piece.stop:
            inside.append(piece)
    if len(inside) > 1:
        return None if _is_excessive(inside) else _coalesce(inside)
    return inside


def _parse_spec(spec: str, length: int) -> ByteRange | None:
    """Read ``first-last``, ``first-`` or ``-suffix``; None if malformed, an empty piece if outside the file."""
    first, dash, last = spec.partition("-")
    digits = first + last
    if not dash or not (digits.isascii() and digits.isdecimal()):
        return None
    if not first:
        return ByteRange(max(length - _number(last), 0), length)
    start = _number(first)
    if not last:
        return ByteRange(start, length)
    stop = _number(last) + 1
    return ByteRange(start, min(stop, length)) if start < stop else None


def _number(digits: str) -> int:
    """Read digits of any length: what is past every file size need not be told apart."""
    if len(digits) > _MAX_DIGITS:
        digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS else sys.maxsize


def _is_excessive(pieces: Sequence[ByteRange]) -> bool:
    overlaps = reversals = 0
    for before, piece in pairwise(pieces):
        overlaps += piece.start < before.stop and before.start < piece.stop
        reversals += piece.start < before.start
    return overlaps > _MAX_OVERLAPS or reversals > _MAX_REVERSALS


def _coalesce(pieces: Sequence[ByteRange]) -> list[ByteRange]:
    """Merge what overlaps or touches; a merged piece stands where the first of its parts was asked for."""
    merged: list[ByteRange] = []
    for piece in pieces:
        touching = [other for other in merged if piece.start <= other.stop and other.start <= piece.stop]
        place = merged.index(touching[0]) if touching else len(merged)
        joined = ByteRange(min(p.start for p in (piece, *touching)), max(p.stop for p in (piece, *touching)))
        merged = [other for other in merged if other not in touching]
        merged.insert(place, joined)
    return merged


class RangeBody:
    """The body of a 206: text and pieces of a file in turn. It seeks to each piece and reads nothing else."""

    __slots__ = ("_file", "_parts", "length")

    def __init__(self, file: SeekableFile, parts: Sequence[bytes | ByteRange]) -> None:
        """Put a body together.

        Args:
            file: The file that the pieces are cut from; closed together with this body.
            parts: What to send, in order: bytes as they are, or a piece of the file.
        """
        self._file = file
        self._parts = parts
        self.length: Final = sum(len(p) if isinstance(p, bytes) else p.stop - p.start for p in parts)

    def __iter__(self) -> Iterator[bytes]:
        """Give the bytes of all parts, the pieces of the file in blocks."""
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
            else:
                self._file.seek(part.start)
                yield from read_blocks(self._file, part.stop - part.start)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_blocks(file: SeekableFile, length: int) -> Iterator[bytes]:
    """Read so many bytes from where a file stands, in blocks.

    Args:
        file: What to read from.
        length: How much, in bytes.

    Yields:
        Blocks of at most ``BLOCK_SIZE`` bytes.

    Raises:
        EOFError: The file ended before. The client was promised this length, and must not take a part for the whole.
    """
    while length > 0:
        block = file.read(min(length, BLOCK_SIZE))
        if not block:
            message = f"the file became {length} bytes shorter while it was being sent"
            raise EOFError(message)
        length -= len(block)
        yield block


def multipart(
    file: SeekableFile, pieces: Sequence[ByteRange], length: int, content_type: str | None
) -> tuple[RangeBody, str]:
    """Put several pieces of a file into one body.

    Args:
        file: The file.
        pieces: The pieces, in order.
        length: The size of the file, in bytes.
        content_type: The media type of the file, repeated in each part; None leaves it out.

    Returns:
        The body, and the value for Content-Type.

    Source:
        RFC 9110, section 14.6.
    """
    boundary = secrets.token_hex(16)
    typed = f"Content-Type: {content_type}\r\n" if content_type else ""
    parts: list[bytes | ByteRange] = []
    for piece in pieces:
        head = f"--{boundary}\r\n{typed}Content-Range: {piece.content_range(length)}\r\n\r\n"
        parts += [head.encode("latin-1"), piece, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode("ascii"))
    return RangeBody(file, parts), f"multipart/byteranges; boundary={boundary}"
