"""ASGI: HTTP requests and WebSockets through the chain, lifespan for the server, and the app behind.

Source: the ASGI specification 3.0, with its HTTP, WebSocket and lifespan protocols.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Coroutine
from contextvars import Context, copy_context
from threading import get_ident
from time import perf_counter
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug.wrappers import Response

from .asgi_scope import HandshakeRequest, ScopeRequest
from .cycle import ASKS_APP, SaidOnLoop, end_sent, say_on_loop
from .direct_app import DirectApp
from .dispatch import Steps
from .drivers import Finished, advance
from .ending import begin_to_end, finish, until_over
from .exceptions import HookChainError
from .exchange import Exchange
from .finishing import nothing_is_left
from .handlers import Handler
from .incoming import Message, Receive
from .inline_app import ASGIApp
from .outgoing import LONG, Send
from .own_context import in_context
from .phases import Phase
from .plain_response import sent_response
from .request import Request
from .threads import Threads
from .wires import HttpWire, SocketWire, WholeAnswer, whole_of
from .wsgi import app_name

if TYPE_CHECKING:
    from .chain import HookChain

Turn: TypeAlias = tuple[int, Send, Context, Context]
"""Whose turn a request is: the thread of its loop, the server's ``send``, its context, and a copy of the server's."""

Begun: TypeAlias = SaidOnLoop | Coroutine[Any, Any, SaidOnLoop]
"""What a request has come to at once, or what is to be awaited for that."""


class ASGIChain:
    """A chain as an ASGI application, alone or around one."""

    def __init__(self, chain: HookChain, app: ASGIApp | None) -> None:
        """Put a chain in front of an app; None where it stands alone."""
        self.chain = chain
        self.app = app
        self._called: ASGIApp = _live if app is None else app
        self._running: dict[Request, Turn] = {}
        self._shutting_down: dict[asyncio.Event, int] = {}
        self._handler = None if app is None else Handler(app, Phase.CONTENT, name=f"app {app_name(app)}")
        if self._handler is not None:
            self._handler.call, self._handler.is_async = _pull, True

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Process a request, or what else a server asks for.

        Raises:
            HookChainError: it is something that the chain does not know, and no app may be asked.
        """
        kind = scope["type"]
        if kind == "http":
            req = ScopeRequest(scope, receive)
        elif kind == "websocket":
            req = HandshakeRequest(scope, receive)
        else:
            await self._pass_on(kind, scope, receive, send)
            return
        req.app, req.place = self._handler, self
        self.chain.begin(req)
        context = copy_context()
        said: Begun = context.run(say_on_loop, req)
        whole = whole_of(said)
        if whole is not None and not req.has_body and nothing_is_left(req):
            try:  # noqa: SIM105 - to suppress it would cost as much as several handlers
                await _send_whole(req, whole, send)
            except OSError:  # as the standard wants it where the client is gone
                pass
            return
        around = copy_context()
        self._running[req] = get_ident(), send, context, around
        try:
            if isinstance(said, CoroutineType):
                said = await in_context(said, context)
                whole = None if req.exchange is not None else whole_of(said)
            is_sent = False
            if said is ASKS_APP:
                is_sent = await DirectApp(req, send, context, around).run(self._called)
            elif whole is not None and not (req.has_body and req.has_unread_body):
                is_sent = await self._sent(req, whole, send, context)
            else:
                await self._process(req, said, context)
            ending = self._ended(req, context) if is_sent else None
            if ending is not None:
                await ending
        finally:
            self._forget(req)

    async def _pass_on(self, kind: str, scope: Any, receive: Receive, send: Send) -> None:
        if kind == "lifespan":
            await self._called(scope, functools.partial(self._receive_in_life, receive), send)
        elif self.app is not None and not self.chain.closed:
            await self.app(scope, receive, send)
        else:
            who = "a chain that stands alone" if self.app is None else "a closed chain"
            raise HookChainError(f"{who} does not answer the ASGI scope {kind!r}")

    async def _receive_in_life(self, receive: Receive) -> Message:
        # Some servers exit right after the shutdown, with cancelled requests still unfinished; and finishers
        # may use what the app closes then.
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.chain.cleanup_timeout):
                    await self._all_ended(get_ident())
        return message

    def _forget(self, req: ScopeRequest) -> None:
        """Let go of a request that is over, and tell those who wait for that."""
        del self._running[req]
        if self._shutting_down:
            for ended, thread in list(self._shutting_down.items()):
                if thread == get_ident():
                    ended.set()
        if req.exchange is not None:
            req.exchange.close()

    async def _all_ended(self, here: int) -> None:
        """Wait until no request runs on the event loop of this thread."""
        ended = asyncio.Event()
        self._shutting_down[ended] = here
        try:
            while any(thread == here for thread, *_ in list(self._running.values())):
                await ended.wait()
                ended.clear()
        finally:
            del self._shutting_down[ended]

    async def _process(self, req: ScopeRequest, said: Begun, context: Context) -> None:
        """Process a request to its end, where that takes more than to send what was said."""
        rest: Any = sent_response(said) if isinstance(said, bytes | tuple) else said
        await in_context(self.exchange_of(req).run(rest), context)

    async def _sent(self, req: ScopeRequest, whole: WholeAnswer, send: Send, context: Context) -> bool:
        """Send an answer; returns whether that went well, and the request is yet to be ended."""
        try:
            await _send_whole(req, whole, send)
        except BaseException as error:
            await in_context(self.exchange_of(req).end_of_answer(error, req.response), context)
            return False
        return True

    def _ended(self, req: ScopeRequest, context: Context) -> Awaitable[None] | None:
        """End a request whose answer was sent; returns what is to be awaited for that, or None."""
        left = context.run(end_sent, req)
        if left is None:
            return None
        if not isinstance(left, Coroutine):
            return in_context(self.exchange_of(req).finish(left), context)
        *_, around = self._running[req]
        task = context.run(begin_to_end, _finished(left, req, around), context)
        return None if task is None else _until_over(req, task)

    def exchange_of(self, req: ScopeRequest) -> Exchange:
        """Return what processes a request that takes more than to answer it at once; made when first asked for.

        Raises:
            HookChainError: the request is over.
        """
        exchange: Exchange | None = req.exchange
        if exchange is None:
            wire = SocketWire(req.asgi_scope or {}) if req.is_handshake else HttpWire()
            if req not in self._running:
                raise HookChainError(f"{req.method} {req.path} is over: a subrequest of it can't be answered any more")
            _, send, context, around = self._running[req]
            exchange = req.exchange = around.run(Exchange, req, wire, send, context)
            if self.app is not None and self._handler is not None:
                exchange.put_in_front_of(self.app, self._handler)
        return exchange


async def _send_whole(req: ScopeRequest, whole: WholeAnswer, send: Send) -> None:
    start, body = whole
    is_begun = False
    try:
        await send(start)
        is_begun = True
        if perf_counter() - req.started > LONG:
            await req.incoming.look()
            req.incoming.close()
            req.aborted = req.incoming.aborted
        await send({"type": "http.response.body", "body": body, "more_body": False})
    except BaseException as error:
        req.incoming.is_open = not is_begun
        if isinstance(error, OSError):
            req.incoming.lose(early=not is_begun)
        raise
    req.bytes_sent = len(body)


async def _until_over(req: Request, task: asyncio.Task[None]) -> None:
    cancelled = await until_over(req, task, hurry=req.aborted)
    if cancelled is not None:
        raise cancelled


async def _finished(finishers: Coroutine[Any, Any, Steps[None] | None], req: ScopeRequest, around: Context) -> None:
    left = await finishers
    if left is not None:
        threads = around.run(Threads, req.bridge.interrupt)
        with contextlib.suppress(Finished):
            await finish(left, advance(left, None), threads)


async def _pull(record: Request) -> Response:
    """Ask the app in a subrequest."""
    first: Any = record
    while (before := first.main or first.prev) is not None:
        first = before
    exchange: Exchange = first.place.exchange_of(first)
    return await exchange.pull(record)


async def _live(scope: Any, receive: Receive, send: Send) -> None:
    del scope
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
