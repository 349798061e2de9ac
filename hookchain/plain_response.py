"""PlainResponse: what the library makes of an answer, without Werkzeug's Headers until somebody looks at them."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, TypeAlias, overload

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

_OK = "200 OK"
Pair: TypeAlias = tuple[str, str]
Whole: TypeAlias = tuple[str, list[Pair], bytes]
"""What is sent as it is: status line, headers and the one piece of the body."""

_LIST: Any = list  # of which type checkers ask no more
UNAUTHORIZED = 401
PLAIN_STATUSES = frozenset(range(200, 1000)) - {204, 205, 304, UNAUTHORIZED}
"""All but the statuses that never have a body, and the one that goes with a challenge."""

KEPT_AS = "_list"
"""By which name Werkzeug's Headers keep their pairs."""

# vars() would have a dictionary made of an object that has none yet, and make each later look at it dearer.
kept_pairs: Any = attrgetter(KEPT_AS)
_parts: Any = attrgetter("_status", "headers", "response", "_on_close")
_closers: Any = attrgetter("_on_close")

DEFAULT_TYPE = "text/plain; charset=utf-8"
TYPE_PAIR = ("Content-Type", DEFAULT_TYPE)


class _MadeHeaders:
    """The attribute ``headers``, made of the pairs when asked for; a ``__getattr__`` would slow down all others."""

    @overload
    def __get__(self, response: None, owner: type) -> _MadeHeaders: ...
    @overload
    def __get__(self, response: PlainResponse, owner: type) -> Headers: ...
    def __get__(self, response: PlainResponse | None, owner: type) -> _MadeHeaders | Headers:
        if response is None:
            return self
        response.is_new, response.is_seen = False, True
        headers = response.__dict__["headers"] = Headers()
        setattr(headers, KEPT_AS, response.pairs)
        return headers


_METHODS = ("__call__", "get_wsgi_response", "get_wsgi_headers", "get_app_iter", "iter_encoded", "close")


def sends_what_it_says(kind: type[Response]) -> bool:
    """Tell whether responses of a class are sent with the status, headers and body that they have, and no others."""
    return all(getattr(kind, name) is getattr(Response, name) for name in _METHODS)


class _MadeList:
    """The attribute ``_on_close``, likewise."""

    def __get__(self, response: PlainResponse | None, owner: type) -> Any:
        if response is None:
            return self
        on_close: list[Any] = []
        response.__dict__["_on_close"] = on_close
        return on_close


class PlainResponse(Response):
    """A response that the library itself makes.

    To make Werkzeug's Headers costs more than most handlers do, and where nobody has looked at them nobody has asked.

    Attributes:
        pairs: the headers, in order; all of it is text, and no value holds a line end.
        whole: the body, where it is one piece of bytes behind which nothing has to be closed; else None.
        is_new: whether it is as it was made and has not left.
        is_settled: whether status, headers and body are what is sent, and were found fit for it.
        is_seen: whether somebody has looked at the headers, so that ``pairs`` may no longer be all that they say.
        is_fit: whether that can be said of what an app has answered, where nobody has a say in it.
    """

    headers: Any = _MadeHeaders()
    direct_passthrough = False
    is_new = True
    is_seen = False
    is_settled = False
    is_fit = False
    _on_close: Any = _MadeList()

    def __init__(  # pyright: ignore[reportMissingSuperCall]
        self,
        body: Any,
        pairs: list[tuple[str, str]],
        status: str = _OK,
        status_code: int = 200,
        whole: bytes | None = None,
    ) -> None:
        """Take everything as it is; what Werkzeug's constructor does, ``headers`` does when it is asked for."""
        self.response = body
        self.pairs = pairs
        self.whole = whole
        self._status = status
        self._status_code = status_code

    @classmethod
    def copied(cls, response: Response) -> PlainResponse:
        """Return a copy, that can be changed, of a response that sends what it says."""
        made = vars(response)
        if type(response) is PlainResponse:
            pairs = [*response.headers] if response.is_seen else [*response.pairs]
        else:
            headers: Headers = made["headers"]
            pairs = [*kept_pairs(headers)]
        body: Any = made["response"]
        plain = cls([*body] if type(body) is _LIST else body, pairs, made["_status"], made["_status_code"])
        on_close = made.get("_on_close")
        if on_close:
            plain._on_close = [*on_close]
        else:
            plain.whole = whole_of(body)
        if made.get("direct_passthrough"):
            plain.direct_passthrough = True
        return plain

    def as_whole(self) -> Whole | None:
        """Return what is sent, where nobody has looked at it yet and the body is whole; else None."""
        return None if self.whole is None or self.is_seen else (self._status, self.pairs, self.whole)

    def parts(self) -> tuple[str, list[Pair], bytes | None]:
        """Return status line, a list of the headers, and the body; no body where it is not whole."""
        return self._status, [*self.pairs], self.whole

    def sent_status(self) -> int:
        """Return the status; 0 where its line is nothing to be sent as it is."""
        return status_code(self._status)

    def as_full(self) -> Response:
        """Return it as a Response like any other, which outside code may make another class of."""
        full = Response.__new__(Response)
        made = {"headers": self.headers, "_on_close": self._on_close, "direct_passthrough": self.direct_passthrough}
        vars(full).update(vars(self), **made)
        for name in ("pairs", "whole", "is_new", "is_seen", "is_settled", "is_fit"):
            vars(full).pop(name, None)
        return full


def for_others(response: Response) -> Response:
    """Return a response of which outside code may make another class; those of the library's own are no such."""
    return response.as_full() if type(response) is PlainResponse else response


_codes: dict[str, int] = {_OK: 200}
_MOST_CODES = 512


def status_code(line: str) -> int:
    """Return the code that a status line begins with; 0 where it begins with none, or can't be sent as it is."""
    code = _codes.get(line)
    if code is None:
        if len(_codes) >= _MOST_CODES:
            _codes.clear()
        is_fit = line[:3].isdigit() and line[3:4] == " " and line.isascii() and line.isprintable()
        code = _codes[line] = int(line[:3]) if is_fit else 0
    return code


def whole_of(body: Any) -> bytes | None:
    """Return a body that is one piece of bytes; None for all others."""
    if type(body) is not _LIST or len(body) != 1:
        return None
    piece = body[0]
    return piece if type(piece) is bytes else None


def body_of(response: Response) -> bytes | None:
    """Return the body of a response, where it is one piece of bytes behind which nothing has to be closed."""
    if type(response) is PlainResponse:
        return response.whole
    return None if _closers(response) else whole_of(response.response)


def plain_parts(response: Response) -> tuple[str, list[tuple[str, str]], bytes | None]:
    """Return status line, headers and body of a response that sends what it says; no body where it is not whole."""
    if type(response) is PlainResponse:
        return response.parts()
    line, headers, body, on_close = _parts(response)
    return line, [*kept_pairs(headers)], None if on_close else whole_of(body)


def sent_response(said: bytes | Whole) -> PlainResponse:
    """Return the response as which a text, or what else is whole, has been sent."""
    line, pairs, body = (_OK, text_pairs(len(said)), said) if isinstance(said, bytes) else said
    response = PlainResponse([body], pairs, line, status_code(line), body)
    response.is_new = False
    return response


def text_pairs(length: int) -> list[tuple[str, str]]:
    """Return the headers with which a text of so many bytes is sent."""
    return [TYPE_PAIR, ("Content-Length", str(length))]


def text_response(body: bytes) -> PlainResponse:
    """Return the response that a handler's text stands for; its Content-Type is not known yet."""
    return PlainResponse([body], [("Content-Length", str(len(body)))], _OK, 200, body)
