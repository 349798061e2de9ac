"""The response whose body is a whole file, before conditions and ranges are looked at."""

from __future__ import annotations

import functools
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from werkzeug.wrappers import Response

from .ranges import read_blocks

if TYPE_CHECKING:
    import io
    import os
    from collections.abc import Iterator

_NANOSECONDS: Final = 1_000_000_000


class FileBody:
    """The bytes of an open file, no more than were there when it was opened.

    Attributes:
        file: The file itself, unbuffered; what ``wsgi.file_wrapper`` wants.
        length: How many bytes it has.
    """

    __slots__ = ("file", "length")

    def __init__(self, file: io.FileIO, length: int) -> None:
        """Take an open file over; it is closed together with this body.

        Args:
            file: The file.
            length: Its size, in bytes.
        """
        self.file: Final = file
        self.length: Final = length

    def __iter__(self) -> Iterator[bytes]:
        """Give what is left from where the file stands, in blocks."""
        return read_blocks(self.file, self.length - self.file.tell())

    def seekable(self) -> bool:
        """Tell that the body can be sent from any place on."""
        return True

    def seek(self, offset: int, /) -> int:
        """Go to a place in the file, in bytes from its beginning."""
        return self.file.seek(offset)

    def tell(self) -> int:
        """Tell where the file stands."""
        return self.file.tell()

    def fileno(self) -> int:
        """Give the file's descriptor, for servers that let the kernel send it."""
        return self.file.fileno()

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class FileResponse(Response):
    """A response whose body is a whole file; the core cuts ranges from it when it leaves unchanged.

    Attributes:
        body: The file's bytes.
        complete_length: The size of the file, in bytes.
    """

    def __init__(
        self, file: io.FileIO, info: os.stat_result, now: float, content_type: str, coding: str | None = None
    ) -> None:
        """Make the response for an open file.

        Args:
            file: The file; closed together with the response, also when something else became its body.
            info: Its status, from after it was opened.
            now: The time of the request, in seconds since the epoch; Last-Modified is never later.
            content_type: The value for Content-Type.
            coding: The value for Content-Encoding; None leaves it out.
        """
        self.body: Final = FileBody(file, info.st_size)
        self.complete_length: Final = info.st_size
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(info.st_size)),
            ("Last-Modified", _http_date(_last_modified(info, now))),
            ("ETag", _etag(info, coding)),
            ("Accept-Ranges", "bytes"),
        ]
        if coding is not None:
            headers.append(("Content-Encoding", coding))
        super().__init__(self.body, headers=headers)
        self.call_on_close(self.body.close)

    @property
    def is_whole(self) -> bool:
        """Whether the body is still the file, and the response still a plain 200."""
        return self.response is self.body and self.status_code == HTTPStatus.OK

    def drop_body(self, status: int) -> None:
        """Answer another status, without a body.

        Args:
            status: Such as 304.
        """
        self.body.close()
        self.response = []
        self.status_code = status


@functools.lru_cache(maxsize=1024)
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _last_modified(info: os.stat_result, now: float) -> int:
    """Give the time of the last change, in seconds; RFC 9110, section 8.8.2.1, wants none from the future."""
    return min(max(info.st_mtime_ns // _NANOSECONDS, 0), int(now))


def _etag(info: os.stat_result, coding: str | None) -> str:
    """Name the bytes by the time of their last change and their number; each coding has bytes of its own."""
    return f'"{info.st_mtime_ns:x}-{info.st_size:x}{f"-{coding}" if coding else ""}"'
