"""DirectApp: the app behind the chain called in the server's task, with next to nothing between the two.

So it is called where no handler, filter or file has a say in what it answers. Its messages are then those that the
server gets, and all there is to do is to look at the first and to count the others. Whatever else turns out to be
needed is what an ``Exchange`` does: one is made then, and goes on from where the app stands.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable
from contextvars import Context
from time import perf_counter
from types import CoroutineType
from typing import Any

from .asgi_scope import ScopeRequest, app_scope
from .exchange import Exchange
from .incoming import Message, Replay
from .inline_app import ASGIApp, InlineApp
from .leaving_at_once import has_no_say
from .outgoing import LONG, Send
from .own_context import in_context, in_servers_context
from .wires import announced_length, is_ordinary

_START, _BODY = "http.response.start", "http.response.body"
_ENDLESS = math.inf
_ELSE = -1
"""Says of a message, in place of its size, that more has to be done with it."""


class DirectApp:
    """One call of the app: the server's ``receive`` and ``send``, as the app gets them."""

    __slots__ = (
        "_around",
        "_call",
        "_context",
        "_due",
        "_is_complete",
        "_is_open",
        "_replay",
        "_req",
        "_send",
        "_start",
    )

    _call: InlineApp | None
    _due: float | None
    _replay: Replay | None
    _start: Message | None

    def __init__(self, req: ScopeRequest, send: Send, context: Context, around: Context) -> None:
        """Get ready.

        Args:
            req: it has come as far as to the app.
            send: the server's.
            context: the request's, in which the app is called.
            around: the server's, or a copy of it.
        """
        self._req = req
        self._context = context
        self._around = around
        self._send = send
        self._start = self._due = self._replay = self._call = None
        self._is_open = True
        self._is_complete = False

    async def run(self, app: ASGIApp) -> bool:
        """Call the app, and process the request to its end if more has to be done for it.

        Returns:
            Whether the app's answer was sent, and the request is yet to be ended.

        Raises:
            BaseException: what the server has to know.
        """
        failure: BaseException | None = None
        try:
            called: Any = self._context.run(app, app_scope(self._req), self.receive, self.send)
            await in_context(called if called.__class__ is CoroutineType else _awaited(called), self._context)
        except BaseException as error:
            failure = error
        if failure is not None or not self._is_complete or self._call is not None or self._req.exchange is not None:
            await in_context(self._end(failure), self._context)
            return False
        if self._replay is not None:
            self._req.aborted = self._req.incoming.aborted
            self._req.incoming.close()
        return True

    def receive(self) -> Awaitable[Message]:
        """Return what the server sends in, to be awaited."""
        return self._received_from()()

    def _received_from(self) -> Replay:
        if self._replay is None:
            self._replay = Replay(self._req.incoming, self._req)
            self._req.incoming.is_open = self._is_open
        return self._replay

    async def send(self, message: Message) -> None:
        """Take what the app sends.

        Raises:
            OSError: the client is gone, or gets another response.
        """
        was_open = self._is_open
        size = self._begun_with(message) if self._start is None else self._size(message)
        if size == _ELSE:
            await (self._call or self._taken_over()).send(message)
            return
        send = self._send
        try:
            if self._is_complete:
                await in_servers_context(send(message), self._around)
            else:
                await send(message)
        except OSError:  # as the standard wants it where the client is gone
            self._req.incoming.lose(early=was_open)
            raise
        if size:
            self._req.bytes_sent += size
        if self._is_complete:
            self._req.finished_at = perf_counter()

    def _begun_with(self, message: Message) -> int:
        """Take note of the message that begins the answer; returns how many bytes of a body it sends, or ``_ELSE``."""
        req: Any = self._req
        is_ours = self._call is None and message["type"] == _START and is_ordinary(message)
        if not is_ours or not has_no_say(req):
            return _ELSE
        self._start = req.start = message
        req.status, req.decided_by = message["status"], req.app.name
        return 0

    def _size(self, message: Message) -> int:
        """Return how many bytes of a body a message sends, and take note of it; ``_ELSE`` for all that is special."""
        if message["type"] != _BODY or self._is_complete or self._call is not None:
            return _ELSE
        size = len(message.get("body", b""))
        if message.get("more_body", False):
            if self._bytes_due() > self._req.bytes_sent + size:
                return size
        elif perf_counter() - self._req.started > LONG or (self._req.has_body and self._req.has_unread_body):
            return _ELSE
        else:
            self._is_complete = True
        # What is announced is on its way with this. The client may leave before the server says that it took it.
        self._is_open = False
        if self._replay is not None:
            self._req.incoming.is_open = False
        return size

    def _bytes_due(self) -> float:
        if self._due is None:
            length = announced_length(self._start or {})
            self._due = _ENDLESS if length is None else length
        return self._due

    # --- whatever else it takes

    async def _end(self, failure: BaseException | None) -> None:
        call = self._call or self._taken_over()
        await self._exchange().end_of_app(call, failure)

    def _exchange(self) -> Exchange:
        place: Any = self._req.place
        exchange: Exchange = place.exchange_of(self._req)
        return exchange

    def _taken_over(self) -> InlineApp:
        self._call = self._exchange().taken_over(self._received_from())
        return self._call


async def _awaited(called: Awaitable[None]) -> None:
    await called
