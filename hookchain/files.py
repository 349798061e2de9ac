"""The default handlers that serve files from a document root, one for each phase that has to do with files."""

from __future__ import annotations

import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from werkzeug.exceptions import MethodNotAllowed
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from .file_at_once import answer_at_once, nobody_has_a_say
from .file_contents import Contents
from .file_headers import Kind
from .file_response import FileBody, FileResponse
from .listing import Entry, listing_page
from .media_types import guess
from .paths import encode
from .precompressed import Siblings, choose_coding
from .results import OK, InternalRedirect, Result
from .storage import FORBIDDEN, NOT_FOUND, Place, Storage, refusal_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from .request import Request

__all__ = ["FileBody", "FileResponse", "FileService"]

_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_UNKNOWN_TYPE: Final = "application/octet-stream"  # a type that no browser guesses HTML from
_VARY: Final = "Accept-Encoding"
_IN_QUERY: Final = "/!$&'()*+,;=:@?%"


class FileService:
    """Serve the files below a document root.

    Each method is an ordinary handler of one phase. Authorisation comes before existence: until CONTENT nothing is
    answered that depends on what is there, so that a guarded folder does not tell what it holds.
    """

    __slots__ = ("_contents", "_index", "_listing", "_siblings", "_storage")

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        index: Sequence[str] = ("index.html",),
        listing: bool = False,
        precompressed: bool = True,
    ) -> None:
        """Settle what is served.

        Args:
            root: The folder whose files are served. Dot-files are not, ``/.well-known`` excepted, nor what lies
                outside and symlinks lead to.
            index: Names of the files that answer for a folder, in the order in which they are looked for.
            listing: Whether a folder without an index file is listed.
            precompressed: Whether ``name.br``, ``name.zst`` or ``name.gz`` is sent for ``name`` if the client takes it.
        """
        self._storage: Final = Storage(root)
        self._index: Final = tuple(index)
        self._listing: Final = listing
        self._contents: Final = Contents(self._storage)
        self._siblings: Final = Siblings(self._storage) if precompressed else None

    @property
    def root(self) -> str:
        """The document root as the names of its files begin: absolute, without ``/`` at the end."""
        return self._storage.root

    def translate(self, req: Request) -> Result:
        """TRANS: name the file that the path stands for, unless a handler named one.

        Args:
            req: The request; ``filename`` is set.

        Returns:
            OK.

        Source:
            httpd ``ap_core_translate`` (server/core.c).
        """
        if req.filename is None:
            req.filename = f"{self._storage.root}/{req.canonical_path.removeprefix('/')}"
        return OK

    def map_to_storage(self, req: Request) -> Result:
        """MAP_TO_STORAGE: find the file and split off ``path_info``; a refusal is kept for CONTENT to answer.

        Args:
            req: The request; ``filename``, ``path_info`` and ``finfo`` are set.

        Returns:
            OK, whatever is there.

        Source:
            httpd ``ap_directory_walk`` (server/request.c).
        """
        if req.filename is not None:
            self._map(req, req.filename)
        return OK

    def find_type(self, req: Request) -> Result:
        """TYPE: tell media type and coding from the name of the file, where no handler told.

        Args:
            req: The request; ``content_type_out`` is set and, where there is a file, ``content_encoding_out``.

        Returns:
            OK.

        Source:
            httpd ``find_ct`` (modules/http/mod_mime.c).
        """
        if req.filename is None or (req.finfo is not None and stat.S_ISDIR(req.finfo.st_mode)):
            return OK
        content_type, coding = guess(req.filename)
        if req.content_type_out is None:
            req.content_type_out = content_type
        # The coding is a fact about bytes: a handler that writes a page at such a name did not encode it.
        if req.content_encoding_out is None and req.finfo is not None:
            req.content_encoding_out = coding
        return OK

    def found(self, req: Request) -> bool:
        """Tell whether CONTENT would send a file; all else goes to the app, where one stands behind.

        Args:
            req: The request, past MAP_TO_STORAGE.

        Returns:
            True for GET and HEAD of a file that may be sent.
        """
        if req.unparsed_method not in {"GET", "HEAD"}:
            return False
        place = self._current(req)
        return place.is_file or self._find_index(req, place) is not None

    def content(self, req: Request) -> int | Response | InternalRedirect:
        """CONTENT: send the file.

        Args:
            req: The request, past MAP_TO_STORAGE.

        Returns:
            The file; 301 to the same path with ``/`` for a folder, its index file or list; 403 or 404.

        Raises:
            MethodNotAllowed: The method is none of GET, HEAD and OPTIONS; it carries the Allow header.

        Source:
            httpd ``default_handler`` (server/core.c) and mod_dir; a folder without index is 404, as missing things are.
        """
        if req.unparsed_method not in _METHODS:
            raise MethodNotAllowed(_allowed(req))
        if req.method == "OPTIONS":
            return _options(req)
        place = self._current(req)
        if place.refusal is not None:
            return place.refusal
        if place.is_file:
            return self._send(req, place)
        return self._answer_folder(req, place) if place.is_folder else NOT_FOUND

    def _map(self, req: Request, filename: str) -> Place:
        """Find the file of a name, and write into the request what was found."""
        asked, path = req.canonical_path, self._storage.path_of(filename)
        if path is None:
            place = Place(asked, refusal=FORBIDDEN)
        else:
            place = self._storage.find(path)
            if place.path != asked:
                place = _agreed(req, place, asked)
                filename = filename.removesuffix(place.rest)
        if place.is_folder:
            index = self._find_index(req, place)
            if index is not None:
                filename, place = _take_index(req, filename, place, *index)
        req.filename, req.path_info, req.finfo = filename, place.rest, place.info
        req.mapped_file = filename, place
        return place

    def _find_index(self, req: Request, place: Place) -> tuple[str, Place] | None:
        """Look for the file that answers for a folder; one that is refused is not passed over for the next."""
        if not place.is_folder or not req.canonical_path.endswith("/"):
            return None
        for name in self._index:
            child = self._storage.look(f"{place.path.rstrip('/')}/{name}")
            if child.is_file or child.refusal is not None:
                return name, child
        return None

    def _current(self, req: Request) -> Place:
        """Give what MAP_TO_STORAGE found, or look again where a handler named another file since."""
        mapped = req.mapped_file
        if mapped is not None and mapped[0] == req.filename:
            return mapped[1]
        # As in httpd: where a handler answered MAP_TO_STORAGE itself and left no finfo, there is no file.
        if req.filename is None or (mapped is None and req.finfo is None):
            return Place(req.path)
        return self._map(req, req.filename)

    def _send(self, req: Request, place: Place) -> int | Response:
        told = req.content_encoding_out
        siblings = self._siblings.find(req, place) if self._siblings is not None and told is None else None
        content_type = req.content_type_out or _UNKNOWN_TYPE
        if siblings:
            coding = choose_coding(req.accept_encodings, siblings)
            if coding is not None:
                with suppress(OSError):
                    return self._answer(req, siblings[coding], (content_type, coding, _VARY))
        try:
            return self._answer(req, place, (content_type, told, _VARY if siblings else None))
        except OSError as error:
            return refusal_of(error) or NOT_FOUND

    def _answer(self, req: Request, place: Place, kind: Kind) -> Response:
        if nobody_has_a_say(req):
            answer = answer_at_once(req, self._contents, place, kind)
            if answer is not None:
                return answer
        file, info = self._storage.open(place.path)
        return FileResponse(file, info, req.start_time, kind)

    def _answer_folder(self, req: Request, place: Place) -> int | Response | InternalRedirect:
        if not req.path.endswith("/"):
            # One slash exactly: "//host" would lead the browser to another site.
            path = f"/{(req.root_path + req.path).lstrip('/')}/"
            return redirect(_url(path, req.query_string), 301)
        index = self._find_index(req, place)
        if index is not None:
            return InternalRedirect(_url(req.path + index[0], req.query_string))
        return self._list(req, place) if self._listing else NOT_FOUND

    def _list(self, req: Request, place: Place) -> int | Response:
        try:
            entries = list(self._entries(req, place))
        except OSError as error:
            return refusal_of(error) or NOT_FOUND
        depth = req.path.count("/") - 1
        return listing_page(req.root_path + req.path, entries, depth=depth, query=req.query_string)

    def _entries(self, req: Request, place: Place) -> Iterator[Entry]:
        """Name what can be had from a folder by who asked for it; what would be refused stays untold."""
        for name, child in self._storage.children(place.path):
            paths = {f"{req.path}{name}{'/' * child.is_folder}", child.path}
            if child.info is not None and all(req.chain.guards_agree(req, path) for path in paths):
                yield Entry(name, child.is_folder, child.info.st_size, child.info.st_mtime)


def _agreed(req: Request, place: Place, asked: str) -> Place:
    """Refuse a place that the path leads to by a detour, such as a symlink, past the guards that stand before it.

    What is missing there is refused too: the difference would tell what a guarded folder holds.
    """
    real = place.real
    if place.refusal is not None or real == asked or req.chain.guards_agree(req, real):
        return place
    return _refused(place)


def _take_index(req: Request, filename: str, folder: Place, name: str, child: Place) -> tuple[str, Place]:
    """Let the index file, or its refusal, stand for its folder, unless its own path is guarded in another way."""
    url = req.path + name
    if not req.chain.guards_agree(req, url):
        return filename, folder
    return f"{filename.rstrip('/')}/{name}", _agreed(req, child, url)


def _refused(place: Place) -> Place:
    return Place(place.path, place.rest, refusal=FORBIDDEN)


def _allowed(req: Request) -> list[str]:
    return [*_METHODS, *sorted(req.allowed_methods.difference(_METHODS))]


def _options(req: Request) -> Response:
    response = Response(headers={"Allow": ", ".join(_allowed(req)), "Content-Length": "0"})
    del response.headers["Content-Type"]
    return response


def _url(path: str, query: bytes) -> str:
    """Encode a path, with its query, for Location and InternalRedirect."""
    return encode(path) + (f"?{quote(query, safe=_IN_QUERY)}" if query else "")
