"""What is sent to a place, and what comes back."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from werkzeug.datastructures import Headers

from hookchain.request import Request
from hookchain.testing import make_request


class Interrupt(BaseException):
    """Stands for KeyboardInterrupt, which would end the test run too."""


ENDINGS = (Exception, Interrupt, asyncio.CancelledError)
"""What may come out of a place in place of an answer."""


@dataclass(frozen=True)
class Sent:
    """A request, and how client and server behave while it is answered.

    Attributes:
        path: the request target, as for ``hookchain.testing.make_request``.
        method: the method.
        options: likewise.
        leaves_after: bytes of the body after which the client is gone; None for one that stays.
        refuses: what the server raises when the response begins, or None.
        cancelled_at: which call of ``receive`` or ``send``, counted from 1, finds the request cancelled; None for none.
    """

    path: str = "/"
    method: str = "GET"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    leaves_after: int | None = None
    refuses: BaseException | None = None
    cancelled_at: int | None = None

    def request(self) -> Request:
        """Make the request anew, with its body unread."""
        return make_request(self.path, self.method, **self.options)

    def environ(self) -> dict[str, Any]:
        """Make the request anew, as a WSGI server gives it to an application."""
        return dict(self.request().environ or {})


@dataclass
class Answer:
    """What came back.

    Attributes:
        status: the status; 0 where no response began.
        headers: the headers.
        chunks: the body, as it came.
        is_complete: whether the response came to its end, as far as the client stayed and nothing was raised.
        raised: what the application raised to its server, or None.
        req: the record of the request as the access log saw it.
        line: its line in the access log.
    """

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    chunks: list[bytes] = field(default_factory=list[bytes])
    is_complete: bool = True
    raised: BaseException | None = None
    req: Request = field(default_factory=make_request)
    line: str = ""

    @property
    def body(self) -> bytes:
        """The body."""
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def ran(self) -> list[str]:
        """What the handlers that ``says`` makes have written down."""
        ran: list[str] = self.req.notes.get("ran", [])
        return ran


class Server(Protocol):
    """A chain that is being served in a place."""

    def ask(self, sent: Sent) -> Answer:
        """Send a request, and return what came back; what is raised is returned too."""
        ...

    def ask_all(self, requests: list[Sent]) -> list[Answer]:
        """Send many requests at once, and return the answers in the same order."""
        ...

    def interrupt(self, how: str) -> None:
        """Do something to the request that is being served; called by its handlers, from whichever thread.

        Args:
            how: "cancel" or "leave", as far as the place says that its server can.
        """
        ...


@dataclass(frozen=True)
class Difference:
    """Something in which a place may differ from the others.

    Attributes:
        reason: why, for people.
        applies: whether it does, to what the same request is answered without a server.
        parts: what may differ: keys of ``outcome``, such as "body" or "header content-type".
    """

    reason: str
    applies: Callable[[Answer], bool]
    parts: Collection[str]


def received(headers: list[tuple[str, str]]) -> Headers:
    """Return headers as a client has them: without white space around their values (RFC 9110, section 5.5)."""
    return Headers([(name, value.strip(" \t")) for name, value in headers])


PAGE = ("body", "bytes_sent", "header content-type", "header content-length")
"""The parts of an outcome in which an error page differs that a framework has in place of the plain one."""


def is_plain_page(answer: Answer) -> bool:
    """Tell whether this is the page of an error that nobody else has made a page for."""
    return answer.status >= HTTPStatus.BAD_REQUEST and answer.headers.get("Content-Type") == "text/html; charset=utf-8"


def values_here() -> dict[contextvars.ContextVar[Any], Any]:
    """Return the context variables that have a value where this is called."""
    return dict(contextvars.copy_context().items())


def check_values(before: Mapping[contextvars.ContextVar[Any], Any], leaves: Collection[str]) -> None:
    """Check that the context variables have the values that they had before.

    Args:
        before: the values.
        leaves: names of variables that need not.

    Raises:
        AssertionError: a request has left a value behind.
    """
    now = values_here()
    changed = [variable for variable in now.keys() | before.keys() if now.get(variable) is not before.get(variable)]
    left = sorted({variable.name for variable in changed}.difference(leaves))
    assert not left, f"a request has left values in its server's context: {', '.join(left)}"
