"""An ASGI scope as a Request, and a Request as the scope of the app behind the chain."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from werkzeug.datastructures import Headers
from werkzeug.sansio.utils import get_content_length
from werkzeug.wrappers import Response

from .body import RequestBody
from .header_pairs import headers_of
from .incoming import Bridge, Incoming, Message, Receive
from .kept_inline import kept_inline
from .made import LONGEST_REMEMBERED, REMEMBERED_PATHS, Query, RememberedPaths, made
from .paths import BadPathError, decode, encode, normalise
from .request import PLAIN_METHODS, MadeResponse, Request
from .results import FIRST_STATUS
from .starlette_answers import is_loaded, translate
from .wires import DENIAL, HttpWire

KEY = "hookchain.request"
"""Where an app finds the record in its scope."""

_ORIGIN = re.compile(r"https?://[^/]*", re.IGNORECASE)
_REPLACED = "\ufffd"
_LENGTH, _CODING = b"content-length", b"transfer-encoding"
_OF_THE_BODY = frozenset({_LENGTH, _CODING})
_AS_LONG = frozenset(map(len, _OF_THE_BODY))
_NO_LENGTH = ("", "0")
_HTTP_1 = ("1.1", "1.0", "1")

_paths = RememberedPaths()


class _ResponseOfApp(MadeResponse):
    """The attribute ``response``, where the app has sent it by itself likewise made when it is first asked for."""

    def __get__(self, req: Any, owner: type) -> Any:
        if req is not None and req.start is not req.opened:
            self.__set__(req, HttpWire().opening(req.start))
        return super().__get__(req, owner)

    def __set__(self, req: Any, response: Response | None) -> None:
        super().__set__(req, response)
        if req.start is not req.opened:
            req.opened = req.start


def _asked_of(req: Request) -> str:
    return _below_root(_path_of(req.asgi_scope or {}), req.root_path)[0]


@kept_inline("asgi_scope", "receive", "said_of_body", "start", "said", "kept_response", "user")
class ScopeRequest(Request):
    """The request of a scope, which it reads when it is asked; the scope is not changed.

    Attributes:
        incoming: what the server sends in.
        exchange: who processes it, where it is not answered at once.
        start: what the app began its answer with, where that was sent as it is.
        opened: the same, once ``response`` has been made of it or set.
        said_of_body: Content-Length and Transfer-Encoding by their names, as they came; None where neither did.
    """

    exchange: Any = None
    start: Message | None = None
    opened: Message | None = None
    response: Response | None = cast("Any", _ResponseOfApp())
    is_query_known = False
    query_string: Any = Query(lambda req: req.asgi_scope.get("query_string", b""))

    scheme = made(lambda req: req.asgi_scope.get("scheme", "http"))
    server = made(lambda req: _server_of(req.asgi_scope.get("server")))
    root_path = ""
    headers = made(lambda req: _headers_of(req.asgi_scope["headers"]))
    remote_addr = made(lambda req: _address_of(req.asgi_scope.get("client")))
    protocol = made(lambda req: f"HTTP/{req.asgi_scope.get('http_version', '1.1')}")
    raw_uri = made(lambda req: _target_of(req.asgi_scope))
    unparsed_method = made(lambda req: req.asgi_scope.get("method", "GET"))
    start_time = made(lambda req: time.time() - (time.perf_counter() - req.started))
    incoming = made(lambda req: Incoming(req.receive, has_body=req.has_body))
    bridge: Any = made(lambda _: Bridge())
    # Not kept: they would hold the request that holds them.
    translate: Any = property(lambda req: functools.partial(translate, req) if is_loaded() else None)
    make_body: Any = property(lambda req: functools.partial(_body_of, req))
    _asked_path = made(_asked_of)

    def __init__(  # pyright: ignore[reportMissingSuperCall]
        self, scope: Mapping[str, Any], receive: Receive, method: str | None = None
    ) -> None:
        """Take method and path; all else waits.

        What every request is asked for is set here, though the class has the same values: Python finds it sooner.

        Args:
            scope: as the server made it.
            receive: as the server gave it.
            method: where the scope does not say it.
        """
        self.started = perf_counter()
        self.asgi_scope = scope
        self.receive = receive
        self.method = method = method or scope["method"]
        self.status = FIRST_STATUS
        self.framework = self.trace = self.content_type_out = self.content_encoding_out = None
        self.is_altered = self.is_touched = False
        self.said_of_body = said = _said_of_body(scope["headers"])
        # From HTTP/2 on, a body needs no header that announces it.
        self.has_body = (
            scope.get("http_version", "1.1") not in _HTTP_1 if said is None else said.get(_LENGTH) not in _NO_LENGTH
        )
        path = None if scope.get("root_path") else _paths.known.get(scope["path"])
        if path is not None and method in PLAIN_METHODS:
            self.canonical_path = path
            self.is_plain = True
        else:
            self._take_what_is_new(scope)

    def _take_what_is_new(self, scope: Mapping[str, Any]) -> None:
        self.method = self.method.upper()
        root = _root_of(scope)
        if root:
            self.root_path = root
        asked = _asked_of(self)
        self._take_path(asked)
        if self._has_plain_path and asked is scope["path"] and not self.root_path:
            _paths.remember(asked, self.canonical_path)
        self.is_plain = self.method in PLAIN_METHODS and self._has_plain_path

    @property
    def said_length(self) -> str | None:
        """What Content-Length says; without making the headers for that."""
        return super().said_length if "headers" in self.__dict__ else (self.said_of_body or {}).get(_LENGTH)

    @property
    def has_unread_body(self) -> bool:
        """Whether some of the body may yet come, which has to be dropped while the answer is sent."""
        return self.has_body and self.incoming.has_unread_body

    @property
    def kind_of_next(self) -> type[Request]:
        """What a record that goes on from this one is made as: its path and query are no longer the scope's."""
        return Request


class HandshakeRequest(ScopeRequest):
    """The handshake of a WebSocket, as the GET that it is."""

    scheme = made(lambda req: req.asgi_scope.get("scheme", "ws"))
    is_handshake = True

    def __init__(self, scope: Mapping[str, Any], receive: Receive) -> None:
        """Take the path."""
        super().__init__(scope, receive, "GET")
        self.has_body = self.is_plain = False


def _server_of(server: Sequence[Any] | None) -> tuple[str, int | None] | None:
    return None if server is None else (server[0], server[1])


def _address_of(client: Sequence[Any] | None) -> str | None:
    return client[0] if client else None


def _body_of(req: ScopeRequest) -> RequestBody:
    said = req.said_of_body or {}
    length = get_content_length(said.get(_LENGTH), said.get(_CODING)) if req.has_body else 0
    return RequestBody(receive=req.incoming.chunk, content_length=length)


def _headers_of(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    if not all(value.isprintable() for _, value in pairs):
        # RFC 9110, section 5.5: a recipient may take CR, LF and NUL as blanks
        pairs = [(name, value.replace("\r", " ").replace("\n", " ")) for name, value in pairs]
    return headers_of(pairs)


def _root_of(scope: Mapping[str, Any]) -> str:
    root: str = scope.get("root_path") or ""
    return root.rstrip("/")


def _path_of(scope: Mapping[str, Any]) -> str:
    path: str = scope["path"]
    origin = _ORIGIN.match(path)
    if origin is not None:  # RFC 9112, section 3.2.2: a target may be a whole URL, whose path then is the path
        path = path[origin.end() :] or "/"
    raw: bytes | None = scope.get("raw_path")
    if _REPLACED in path and raw:
        # A server that does not tell bytes that are no UTF-8 from the character that stands for them.
        try:
            unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            return decode(unquote_to_bytes(raw))
    return path


def _target_of(scope: Mapping[str, Any]) -> str | None:
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return None
    query: bytes = scope.get("query_string", b"")
    return (raw + b"?" + query if query else raw).decode("latin-1")


def _said_of_body(raw: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str] | None:
    """Return Content-Length and Transfer-Encoding, of several the first; None where neither is there."""
    said: dict[bytes, str] | None = None
    for name, value in raw:
        if len(name) in _AS_LONG and (lower := name.lower()) in _OF_THE_BODY:
            said = said or {}
            said.setdefault(lower, value.decode("latin-1"))
    return said


def _below_root(path: str, root: str) -> tuple[str, bool]:
    """Return the path below the mount point, and whether the path came with that in front, as the standard has it."""
    if root and not _is_below(path, root):
        # Whoever routes it may take the mount point away after normalising: then so is it here.
        try:
            path = normalise(path)
        except BadPathError:
            return path, False
        if not _is_below(path, root):
            return path, False
    return path[len(root) :], True


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")


def app_scope(record: Request) -> dict[str, Any]:
    """Return what an app behind the chain gets: the one path, in every key that it might route by.

    Args:
        record: a request that was made of a scope.

    Returns:
        A new scope.
    """
    came: Mapping[str, Any] = record.asgi_scope or {}
    scope = dict(came)
    root, path = record.root_path, record.canonical_path
    if root and (_below_root(_path_of(came), root)[1] or root in path):
        path = root + path  # an app would take away what looks like the mount point, so it is there to be taken away
    scope["path"] = path
    if "raw_path" in scope:
        scope["raw_path"] = _spellings.get(path) or _spelling_of(path)
    query = scope.get("query_string")
    if query is None or record.is_query_known or not query.isascii():  # else nobody has changed it
        scope["query_string"] = record.query_string
    scope[KEY] = record
    if record.authen_ran:
        scope["user"] = record.user
        if record.user is None:
            del scope["user"]
    if record.has_body or (record.is_touched and record.error_status is not None):
        _set_body(scope, record)
    return scope


def scope_to_pull(record: Request) -> dict[str, Any]:
    """Return what an app gets whose answer is read rather than sent, so that it may use no extension."""
    scope = app_scope(record)
    scope.pop("extensions", None)
    return scope


def scope_without_denial(record: Request) -> dict[str, Any]:
    """Return what an app gets that may not deny a handshake with a response of its own."""
    scope = app_scope(record)
    extensions = scope.get("extensions")
    if extensions:
        scope["extensions"] = {name: value for name, value in extensions.items() if name != DENIAL}
    return scope


_spellings: dict[str, bytes] = {}
"""How paths are spelt; only ever added to or cleared, so without a lock."""


def _spelling_of(path: str) -> bytes:
    spelling = encode(path).encode("ascii")
    if len(path) <= LONGEST_REMEMBERED:
        if len(_spellings) >= REMEMBERED_PATHS:
            _spellings.clear()
        _spellings[path] = spelling
    return spelling


def _set_body(scope: dict[str, Any], record: Request) -> None:
    # An error document is got with GET, without the body of the request that failed; filters change what is read.
    if record.error_status is not None:
        scope["method"] = record.method
    elif not record.body.filtered:
        return
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() not in _OF_THE_BODY]
