"""The headers of a file, which follow from its status: they are made once for each, and the status is taken anew."""

from __future__ import annotations

import functools
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, TypeAlias

from werkzeug.datastructures import Headers

from .header_pairs import BadHeaderError, check

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from .ranges import ByteRange

Pair: TypeAlias = tuple[str, str]
Kind: TypeAlias = tuple[str, str | None, str | None]
"""What the bytes of a file are: the values for Content-Type, Content-Encoding and Vary; None leaves one out."""

_NANOSECONDS: Final = 1_000_000_000
# What describes a body that is not sent. Last-Modified is kept, as httpd keeps it.
_BODY_HEADERS: Final = frozenset({"content-type", "content-length", "content-encoding", "accept-ranges"})
_PIECE_HEADERS: Final = frozenset({"content-length", "content-range"})
_VALIDATORS: Final = ("ETag", "Last-Modified", "Content-Encoding")


class FileHeaders:
    """What is said of a file as a whole; the parts of it that an answer may need are made when they are asked for.

    Attributes:
        pairs: All headers.
    """

    def __init__(self, pairs: Iterable[Pair]) -> None:
        """Take the headers, in order."""
        self.pairs: Final = tuple(pairs)

    @functools.cached_property
    def validators(self) -> dict[str, str]:
        """Those that conditions are compared with, by their names."""
        return {name: value for name, value in self.pairs if name in _VALIDATORS}

    @functools.cached_property
    def without_body(self) -> tuple[Pair, ...]:
        """Those that an answer without the file's bytes has."""
        return tuple(without_body(self.pairs))

    @functools.cached_property
    def without_length(self) -> tuple[Pair, ...]:
        """Those that do not say how many bytes are sent."""
        return tuple(without_length(self.pairs))

    def of_piece(self, piece: ByteRange, length: int) -> list[Pair]:
        """Return the headers for a piece of a file of ``length`` bytes."""
        return [*self.without_length, *said_of_piece(piece, length)]

    @functools.cached_property
    def can_be_sent(self) -> bool:
        """Whether none of them would break the response apart."""
        try:
            check(self.pairs)
        except BadHeaderError:
            return False
        return True


def file_headers(info: os.stat_result, now: float, kind: Kind) -> FileHeaders:
    """Return the headers of a file.

    Args:
        info: Its status.
        now: The time of the request, in seconds since the epoch; Last-Modified is never later.
        kind: What its bytes are.

    Raises:
        ValueError: A value holds a line end.
    """
    modified = info.st_mtime_ns
    return _made(min(modified // _NANOSECONDS, int(now)), modified, info.st_size, kind)


@functools.lru_cache(maxsize=1024)
def _made(last_modified: int, modified: int, size: int, kind: Kind) -> FileHeaders:
    content_type, coding, vary = kind
    headers = Headers(
        [
            ("Content-Type", content_type),
            ("Content-Length", str(size)),
            # RFC 9110, section 8.8.2.1, wants none from the future.
            ("Last-Modified", formatdate(max(last_modified, 0), usegmt=True)),
            # Each coding has bytes of its own.
            ("ETag", f'"{modified:x}-{size:x}{f"-{coding}" if coding else ""}"'),
            ("Accept-Ranges", "bytes"),
        ]
    )
    if coding is not None:
        headers.add("Content-Encoding", coding)
    if vary is not None:
        headers.add("Vary", vary)
    return FileHeaders(headers)


def without_body(headers: Iterable[Pair]) -> list[Pair]:
    """Return the headers of a file without those that describe its bytes."""
    return [pair for pair in headers if pair[0].lower() not in _BODY_HEADERS]


def without_length(headers: Iterable[Pair]) -> list[Pair]:
    """Return the headers of a file without those that say how many bytes of it are sent."""
    return [pair for pair in headers if pair[0].lower() not in _PIECE_HEADERS]


def said_of_piece(piece: ByteRange, length: int) -> list[Pair]:
    """Return the headers that say which bytes are sent of a file.

    Args:
        piece: The piece.
        length: The size of the file, in bytes.
    """
    return [
        ("Content-Length", str(piece.stop - piece.start)),
        ("Content-Range", piece.content_range(length)),
    ]
