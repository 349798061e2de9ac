"""A file that is answered at once, where nobody has a say any more in what is answered.

What conditions and ranges come to is settled then, so that nothing has to stay open, be changed or be closed later on:
a 304 needs no open file at all, and what fits into a block is read and let go of here. All else, and all that is rare,
is a FileResponse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .conditional import asked_of, failed_condition, wanted_pieces
from .file_headers import FileHeaders, Kind, file_headers
from .plain_response import PlainResponse
from .responses import status_line

if TYPE_CHECKING:
    import os

    from .file_contents import Contents, KnownFile
    from .request import Request
    from .storage import Place

_OK: Final = 200
_PARTIAL: Final = 206
_NOT_MODIFIED: Final = 304


def nobody_has_a_say(req: Request) -> bool:
    """Tell whether neither handlers nor filters nor a framework can change what a file is answered with from here on.

    Args:
        req: The request, in CONTENT.
    """
    return (
        req.method == "GET"
        and req.status == _OK
        and hasattr(req, "selection")
        and req.selection.output_filters.is_empty
        and req.framework is None
        and req.main is req.prev is None
        and not req.has_made("headers_out", "err_headers_out")
    )


def answer_at_once(req: Request, contents: Contents, place: Place, kind: Kind) -> PlainResponse | None:
    """Answer with a file, or with what the client lacks of it.

    Args:
        req: The request, about which ``nobody_has_a_say``.
        contents: What the file holds.
        place: The file.
        kind: What its bytes are.

    Returns:
        A 200, 206 or 304; None where a FileResponse is needed.

    Raises:
        OSError: The file cannot be opened.
    """
    path = place.path
    info: Any = place.info
    asked, known = asked_of(req), contents.known(path, info)
    said = _said(req, info, known, kind)
    if not said.can_be_sent:
        return None
    whole = 0, info.st_size
    if not asked:
        data = contents.read(path, info, known, whole)
        return None if data is None else _made(data, [*said.pairs], _OK)
    status = failed_condition(asked, said.validators)
    if status is not None:
        # Whether the file may be read is asked too: else it is refused, not known.
        is_theirs = status == _NOT_MODIFIED and (known is not None or contents.is_readable(path, info))
        return _made(b"", [*said.without_body], _NOT_MODIFIED) if is_theirs else None
    pieces = wanted_pieces(asked, said.validators, info.st_size, req)
    if pieces is not None and len(pieces) != 1:
        return None
    data = contents.read(path, info, known, pieces[0] if pieces else whole)
    if data is None:
        return None
    pairs = said.of_piece(pieces[0], info.st_size) if pieces else [*said.pairs]
    return _made(data, pairs, _PARTIAL if pieces else _OK)


def _said(req: Request, info: os.stat_result, known: KnownFile | None, kind: Kind) -> FileHeaders:
    """Return the headers of a file; of one that is known they are not in the future."""
    if known is None:
        return file_headers(info, req.start_time, kind)
    said = known.said
    if said is None or said[0] != kind:
        said = known.said = kind, file_headers(info, req.start_time, kind)
    return said[1]


def _made(data: bytes, pairs: list[tuple[str, str]], status: int) -> PlainResponse:
    made = PlainResponse([data], pairs, status_line(status), status, data)
    made.is_settled = True
    return made
