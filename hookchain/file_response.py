"""The response whose body is a whole file, before conditions and ranges are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from werkzeug.wrappers import Response

from .file_headers import Kind, file_headers
from .header_pairs import headers_of
from .ranges import read_blocks
from .responses import status_line

if TYPE_CHECKING:
    import io
    import os
    from collections.abc import Iterator

_OK: Final = 200
_OK_LINE: Final = "200 OK"


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

    def __init__(  # pyright: ignore[reportMissingSuperCall]
        self, file: io.FileIO, info: os.stat_result, now: float, kind: Kind
    ) -> None:
        """Make the response for an open file; Werkzeug's constructor would take all headers apart again.

        Args:
            file: The file; closed together with the response, also when something else became its body.
            info: Its status, from after it was opened.
            now: The time of the request, in seconds since the epoch; Last-Modified is never later.
            kind: What its bytes are.
        """
        self.headers = headers_of([*file_headers(info, now, kind).pairs])
        self._status = _OK_LINE
        self._status_code = _OK
        self.direct_passthrough = False
        self.body: Final = FileBody(file, info.st_size)
        self.complete_length: Final = info.st_size
        self.response = self.body
        self._on_close = [self.body.close]

    @property
    def is_whole(self) -> bool:
        """Whether the body is still the file, and the response still a plain 200."""
        return self.response is self.body and self._status_code == _OK

    def drop_body(self, status: int) -> None:
        """Answer another status, without a body.

        Args:
            status: Such as 304.
        """
        self.body.close()
        self.response = []
        self.set_status(status)

    def set_status(self, status: int) -> None:
        """Set a status that HTTP knows, by which Werkzeug has nothing to be asked.

        Args:
            status: Such as 206.
        """
        self._status, self._status_code = status_line(status), int(status)
