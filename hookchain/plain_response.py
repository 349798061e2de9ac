"""PlainResponse: what a handler's text becomes, without Werkzeug's Headers as long as nobody looks at them."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

_FRESH = 3
"""How many attributes a new one has: status, headers and all else come on top."""


class PlainResponse(Response):
    """A response made of text or bytes alone, by the library itself.

    To make Werkzeug's Headers costs more than most handlers do, and where nothing but the body was answered nobody has
    asked for them.

    Attributes:
        length: of the body as it was made, in bytes.
        pairs: the headers as they left; empty before.
    """

    _status = "200 OK"
    _status_code = 200
    direct_passthrough = False
    pairs: tuple[tuple[str, str], ...] = ()

    def __init__(self, body: bytes) -> None:  # pyright: ignore[reportMissingSuperCall]
        """Take the body; what Werkzeug's constructor does, ``headers`` does when it is asked for."""
        self.response = [body]
        self.length = len(body)
        self._on_close = []

    def __getattr__(self, name: str) -> Any:
        """Make the headers; nothing else is made when it is asked for."""
        if name != "headers":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        headers = vars(self)["headers"] = Headers(self.pairs or [("Content-Length", str(self.length))])
        return headers

    @property
    def is_untouched(self) -> bool:
        """Whether it is new, a plain 200, and nobody has looked at its headers."""
        return len(self.__dict__) == _FRESH

    def as_full(self) -> Response:
        """Return it as a Response like any other, which outside code may make another class of."""
        full = Response.__new__(Response)
        vars(full).update(
            vars(self),
            headers=self.headers,
            _status=self._status,
            _status_code=self._status_code,
            direct_passthrough=False,
        )
        for name in ("length", "pairs"):
            vars(full).pop(name, None)
        return full
