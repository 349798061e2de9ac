"""An ASGI scope as a Request, and a Request as the scope of the app behind the chain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.datastructures import Headers
from werkzeug.sansio.utils import get_content_length

from .body import RequestBody
from .incoming import Incoming
from .paths import BadPathError, decode, encode, normalise
from .request import Request
from .responses import headers_of
from .wires import DENIAL

KEY = "hookchain.request"
"""Where an app finds the record in its scope."""

_ORIGIN = re.compile(r"https?://[^/]*", re.IGNORECASE)
_REPLACED = "\ufffd"
_OF_THE_BODY = frozenset({b"content-length", b"transfer-encoding"})


def request_of(scope: Mapping[str, Any], incoming: Incoming, max_body: int | None = None) -> Request:
    """Make a request of the scope of an HTTP request or a WebSocket.

    Args:
        scope: as the server made it; it is not changed.
        incoming: gives the body.
        max_body: bytes of the body that may be read.

    Returns:
        The request.
    """
    is_handshake = scope["type"] == "websocket"
    raw = list(scope["headers"])
    said = {name.lower(): value.decode("latin-1") for name, value in reversed(raw)}  # of several the first
    length_said, coding_said = said.get(b"content-length"), said.get(b"transfer-encoding")
    client, server = scope.get("client"), scope.get("server")
    length = get_content_length(length_said, coding_said)
    req = Request(
        "GET" if is_handshake else scope["method"],
        scope.get("scheme", "ws" if is_handshake else "http"),
        None if server is None else (server[0], server[1]),
        _root_of(scope),
        _below_root(_path_of(scope), _root_of(scope))[0],
        scope.get("query_string", b""),
        _headers_of(raw),
        client[0] if client else None,
        make_body=lambda: RequestBody(
            receive=incoming.chunk, content_length=length if req.has_body else 0, limit=max_body
        ),
    )
    req.asgi_scope, req.is_handshake = scope, is_handshake
    req.is_plain = req.is_plain and not is_handshake
    version = scope.get("http_version", "1.1")
    req.protocol = f"HTTP/{version}"
    req.raw_uri = _target_of(scope)
    req.has_body = incoming.has_body = not is_handshake and _announces_body(length_said, coding_said, version)
    return req


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


def _announces_body(length: str | None, coding: str | None, version: str) -> bool:
    if length is not None:
        return length not in {"", "0"}
    # From HTTP/2 on, a body needs no header that announces it.
    return coding is not None or not version.startswith("1")


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


def app_scope(record: Request, *, can_respond: bool = True, is_pulled: bool = False) -> dict[str, Any]:
    """Return what an app behind the chain gets: the one path, in every key that it might route by.

    Args:
        record: a request that was made of a scope.
        can_respond: whether it may deny a handshake with a response of its own.
        is_pulled: whether its answer is read rather than sent, so that it may use no extension.

    Returns:
        A new scope.
    """
    came: Mapping[str, Any] = record.asgi_scope or {}
    scope = dict(came)
    root, path = record.root_path, record.path
    if _below_root(_path_of(came), root)[1] or root in path:
        path = root + path  # an app would take away what looks like the mount point, so it is there to be taken away
    scope["path"] = path
    if "raw_path" in scope:
        scope["raw_path"] = encode(path).encode("ascii")
    scope["query_string"] = record.query_string
    scope[KEY] = record
    if record.authen_ran:
        scope["user"] = record.user
        if record.user is None:
            del scope["user"]
    _set_extensions(scope, can_respond=can_respond, is_pulled=is_pulled)
    _set_body(scope, record)
    return scope


def _set_extensions(scope: dict[str, Any], *, can_respond: bool, is_pulled: bool) -> None:
    extensions = scope.get("extensions")
    if is_pulled:
        scope.pop("extensions", None)
    elif extensions and not can_respond:
        scope["extensions"] = {name: value for name, value in extensions.items() if name != DENIAL}


def _set_body(scope: dict[str, Any], record: Request) -> None:
    # An error document is got with GET, without the body of the request that failed; filters change what is read.
    if record.error_status is not None:
        scope["method"] = record.method
    elif not (record.has_body and record.body.filtered):
        return
    scope["headers"] = [(name, value) for name, value in scope["headers"] if name.lower() not in _OF_THE_BODY]
