"""Wires: what the answers to an HTTP request and to the handshake of a WebSocket look like as ASGI messages.

Source: the ASGI specification, "HTTP & WebSocket ASGI Message Format", and its extensions.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, cast

from werkzeug.wrappers import Response

from .incoming import Message
from .plain_response import PLAIN_STATUSES, PlainResponse, Whole, status_code, text_pairs
from .responses import header_list, response_of, status_line
from .results import FIRST_STATUS

DENIAL = "websocket.http.response"
_START = "http.response.start"
_SWITCHED = HTTPStatus.SWITCHING_PROTOCOLS
_LIST: Any = list  # of which type checkers ask no more
_LENGTH, _LOCATION, _COOKIE = b"content-length", b"location", b"set-cookie"
_ORDINARY = frozenset({b"content-type", b"cache-control", b"etag", b"last-modified", b"set-cookie", b"vary"})
_MOST_KNOWN = 512
_LONGEST_KNOWN = 1024
_known: set[tuple[Any, ...]] = set()
"""Headers that were found ordinary lately, by their very words; only ever added to or cleared, so without a lock."""
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+\Z")


class Start(NamedTuple):
    """How a response begins.

    Attributes:
        message: what is sent.
        has_body: whether messages with the body have to follow.
        status: what the client gets, where the message does not say it.
    """

    message: Message
    has_body: bool
    status: int


class Wire(Protocol):
    """How a response is put into messages, and how those of an app are understood."""

    def opening(self, message: Message) -> Response | None:
        """Return the response that an app begins with a message, without its body; None where it begins none.

        Raises:
            ValueError: it has a header that must not leave.
        """
        ...

    def start(self, response: Response, message: Message | None) -> Start:
        """Return what begins a response; ``message`` is what the app began it with, None where it is not the app's."""
        ...

    def body(self, chunk: bytes, *, more: bool) -> Message:
        """Return the message that sends a piece of the body."""
        ...


class HttpWire:
    """An HTTP request is answered with http.response messages."""

    def opening(self, message: Message) -> Response | None:
        """Return the response that an app begins."""
        return _response_of(message, message["status"]) if message["type"] == _START else None

    def start(self, response: Response, message: Message | None) -> Start:
        """Return http.response.start, with what else the app said in it."""
        status = response.status_code
        said: Message = {} if message is None else message
        start = {**said, "type": _START, "status": status, "headers": _raw_headers(response)}
        return Start(start, has_body=True, status=status)

    def body(self, chunk: bytes, *, more: bool) -> Message:
        """Return http.response.body."""
        return {"type": "http.response.body", "body": chunk, "more_body": more}


class SocketWire:
    """A handshake is accepted by the app, or denied with a response where the server can send one."""

    def __init__(self, asgi_scope: Mapping[str, Any]) -> None:
        """Find out what the server can do."""
        self.can_respond = DENIAL in (asgi_scope.get("extensions") or {})

    def opening(self, message: Message) -> Response | None:
        """Return the response that an app begins; its close before it accepts is a refusal."""
        match message["type"]:
            case "websocket.accept":
                return _response_of(message, _SWITCHED)
            case "websocket.close":
                return _response_of({}, HTTPStatus.FORBIDDEN)
            case "websocket.http.response.start":
                return _response_of(message, message["status"])
            case _:
                return None

    def start(self, response: Response, message: Message | None) -> Start:
        """Return websocket.accept where the app accepted, else what denies."""
        status = response.status_code
        if message is not None and message["type"] == "websocket.accept" and status == _SWITCHED:
            return Start({**message, "headers": _raw_headers(response)}, has_body=False, status=status)
        if not self.can_respond or status < HTTPStatus.OK:
            return Start({"type": "websocket.close"}, has_body=False, status=HTTPStatus.FORBIDDEN)
        start = {"type": f"{DENIAL}.start", "status": status, "headers": _raw_headers(response)}
        return Start(start, has_body=True, status=status)

    def body(self, chunk: bytes, *, more: bool) -> Message:
        """Return websocket.http.response.body."""
        return {"type": f"{DENIAL}.body", "body": chunk, "more_body": more}


def _response_of(message: Mapping[str, Any], status: int) -> Response:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
    return response_of(status_line(status), headers)


def _raw_headers(response: Response) -> list[tuple[bytes, bytes]]:
    return _raw(header_list(response))


def _raw(pairs: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


@functools.lru_cache
def _headers_of_text(length: int) -> list[tuple[bytes, bytes]]:
    return _raw(text_pairs(length))


WholeAnswer: TypeAlias = tuple[Message, bytes]
"""What begins an answer, and all of its body."""


def whole_of(said: object) -> WholeAnswer | None:
    """Return what begins an answer and its body, where that is a text, or else of one piece; None for all others."""
    if type(said) is bytes:
        return {"type": _START, "status": FIRST_STATUS, "headers": [*_headers_of_text(len(said))]}, said
    if isinstance(said, tuple):
        line, pairs, body = cast("Whole", said)
    elif type(said) is PlainResponse and said.whole is not None:
        line, pairs, body = said.status, header_list(said), said.whole
    else:
        return None
    return {"type": _START, "status": status_code(line), "headers": _raw(pairs)}, body


def is_ordinary(start: Message) -> bool:
    """Tell whether what begins an app's answer may be sent as it is, and has a body.

    Only what is seen at a glance is: no header that more is to be asked about, all of them spelt as servers want it.
    """
    headers: Any = start.get("headers")
    status: Any = start["status"]
    if type(headers) is not _LIST or type(status) is not int or status not in PLAIN_STATUSES:
        return False
    try:
        if (*headers,) in _known:
            return True
    except TypeError:  # lists for pairs, which can't be remembered
        return _are_ordinary(headers)
    is_so = _are_ordinary(headers)
    if is_so:
        _remember(headers)
    return is_so


def _remember(headers: Sequence[tuple[bytes, bytes]]) -> None:
    # Cookies are secrets, and mostly other ones each time.
    if sum(len(name) + len(value) for name, value in headers) > _LONGEST_KNOWN or _COOKIE in dict(headers):
        return
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known.add((*headers,))


def _are_ordinary(headers: Sequence[Any]) -> bool:
    has_length = False
    try:
        for name, value in headers:
            if not value.decode("latin-1").isprintable():
                return False
            if name == _LENGTH:
                if has_length:
                    return False
                has_length = True
            elif name not in _ORDINARY and (name == _LOCATION or not _TOKEN.match(name)):
                return False
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def announced_length(start: Message) -> int | None:
    """Return the Content-Length that a message announces; None where it announces none."""
    lengths = [value for name, value in start["headers"] if name.lower() == b"content-length" and value.isdigit()]
    return int(lengths[0]) if lengths else None


def measure(message: Message) -> tuple[int, bool]:
    """Tell how many bytes of a body a message of an app sends, and whether it is the last with any."""
    match message["type"]:
        case "http.response.body" | "websocket.http.response.body":
            return len(message.get("body", b"")), not message.get("more_body", False)
        case "http.response.pathsend":
            return Path(message["path"]).stat().st_size, True
        case "http.response.zerocopysend":
            return message.get("count") or 0, not message.get("more_body", False)
        case "websocket.send":
            text = message.get("text")
            return len(message.get("bytes") or b"" if text is None else text.encode()), False
        case _:
            return 0, False
