"""A file that is answered at once, where nobody has a say any more in what is answered.

What conditions and ranges come to is settled then, so that nothing has to stay open, be changed or be closed later on:
a 304 needs no open file at all, and what fits into a block is read and let go of here. All else, and all that is rare,
is a FileResponse.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .conditional import asked_of, failed_condition, wanted_pieces
from .file_headers import FileHeaders, Kind, file_headers, of_piece
from .plain_response import PlainResponse
from .ranges import BLOCK_SIZE
from .responses import status_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .request import Request
    from .storage import Storage

_OK: Final = 200
_PARTIAL: Final = 206
_NOT_MODIFIED: Final = 304


def nobody_has_a_say(req: Request) -> bool:
    """Tell whether neither handlers nor filters nor a framework can change what a file is answered with from here on.

    Args:
        req: The request, in CONTENT.
    """
    noted = vars(req)
    return (
        req.method == "GET"
        and req.status == _OK
        and "selection" in noted
        and req.selection.output_filters.is_empty
        and req.framework is None
        and req.main is req.prev is None
        and not (req.is_touched and ("headers_out" in noted or "err_headers_out" in noted))
    )


def answer_at_once(
    req: Request, storage: Storage, path: str, known: os.stat_result, kind: Kind
) -> PlainResponse | None:
    """Answer with a file, or with what the client lacks of it.

    Args:
        req: The request, about which ``nobody_has_a_say``.
        storage: Where the file lies.
        path: The path of the file there.
        known: Its status, taken for this request.
        kind: What its bytes are.

    Returns:
        A 200, 206 or 304; None where a FileResponse is needed.

    Raises:
        OSError: The file cannot be opened.
    """
    asked, now = asked_of(req), req.start_time
    if asked:
        said = file_headers(known, now, kind)
        # The status is this request's own. Whether the file may be read is asked too: else it is refused, not known.
        if failed_condition(asked, said.validators) == _NOT_MODIFIED and storage.is_readable(path):
            return _made(b"", [*said.without_body], _NOT_MODIFIED) if said.can_be_sent else None
    if known.st_size > BLOCK_SIZE and "Range" not in asked:
        return None
    descriptor, info = storage.open_descriptor(path)
    try:
        said = file_headers(info, now, kind)
        return _read(descriptor, info.st_size, said, asked, now) if said.can_be_sent else None
    finally:
        os.close(descriptor)


def _read(
    descriptor: int, length: int, said: FileHeaders, asked: Mapping[str, str], now: float
) -> PlainResponse | None:
    """Read the whole file or the one piece that is wanted; None where that is more than a block, or another matter."""
    pieces = None
    if asked:
        if failed_condition(asked, said.validators) is not None:
            return None
        pieces = wanted_pieces(asked, said.validators, length, now)
    start, stop = 0, length
    if pieces is not None:
        if len(pieces) != 1:
            return None
        start, stop = pieces[0]
    if stop - start > BLOCK_SIZE:
        return None
    if start:
        os.lseek(descriptor, start, os.SEEK_SET)
    data = os.read(descriptor, stop - start)
    if len(data) != stop - start:
        return None
    if pieces is None:
        return _made(data, [*said.pairs], _OK)
    return _made(data, of_piece(said.pairs, pieces[0], length), _PARTIAL)


def _made(data: bytes, pairs: list[tuple[str, str]], status: int) -> PlainResponse:
    made = PlainResponse([data], pairs, status_line(status), status, data)
    made.is_settled = True
    return made
