"""ASGI: HTTP requests and WebSockets through the chain, lifespan for the server, and the app behind.

Source: the ASGI specification 3.0, with its HTTP, WebSocket and lifespan protocols.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from .asgi_scope import ScopeRequest, request_of
from .cycle import Said, say_on_loop
from .exceptions import HookChainError
from .exchange import Exchange
from .finishing import nothing_is_left
from .handlers import Handler
from .incoming import Message, Receive
from .inline_app import ASGIApp
from .outgoing import Send
from .own_context import OwnContext
from .phases import Phase
from .plain_response import sent_text
from .request import Request
from .wires import HttpWire, SocketWire, start_of_text
from .wsgi import app_name

if TYPE_CHECKING:
    from .chain import HookChain


class ASGIChain:
    """A chain as an ASGI application, alone or around one."""

    def __init__(self, chain: HookChain, app: ASGIApp | None) -> None:
        """Put a chain in front of an app; None where it stands alone."""
        self.chain = chain
        self.app = app
        self._running: set[asyncio.Task[Any] | None] = set()
        self._handler = None if app is None else Handler(app, Phase.CONTENT, name=f"app {app_name(app)}")
        if self._handler is not None:
            self._handler.call, self._handler.is_async = _pull, True

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Process a request, or what else a server asks for.

        Raises:
            HookChainError: it is something that the chain does not know, and no app may be asked.
        """
        kind = scope["type"]
        if kind in {"http", "websocket"}:
            req = request_of(scope, receive)
            req.app, req.place = self._handler, self
            self.chain.begin(req)
            context = copy_context()
            said = context.run(say_on_loop, req)
            if type(said) is bytes and nothing_is_left(req):
                await _send_text(req, said, send)
            else:
                await self._noted(self._go_on(req, said, send, context))
        elif kind == "lifespan":
            await (self.app or _live)(scope, functools.partial(self._receive_in_life, receive), send)
        elif self.app is not None and not self.chain.closed:
            await self.app(scope, receive, send)
        else:
            who = "a chain that stands alone" if self.app is None else "a closed chain"
            raise HookChainError(f"{who} does not answer the ASGI scope {kind!r}")

    async def _noted(self, exchange: Awaitable[None]) -> None:
        task = asyncio.current_task()
        self._running.add(task)
        try:
            await exchange
        finally:
            self._running.discard(task)

    async def _receive_in_life(self, receive: Receive) -> Message:
        # Some servers exit right after the shutdown, with cancelled requests still unfinished; and finishers
        # may use what the app closes then.
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            loop = asyncio.get_running_loop()
            here = {task for task in list(self._running) if task is not None and task.get_loop() is loop}
            if here:
                await asyncio.wait(here, timeout=self.chain.cleanup_timeout)
        return message

    async def _go_on(
        self, req: ScopeRequest, said: Said | Coroutine[Any, Any, Said], send: Send, context: Context
    ) -> None:
        exchange = None if self.app is None else self._exchange(req, send, context)  # whom handlers may ask
        answer = said if isinstance(said, bytes | Response | Generator) else await OwnContext(said, context)
        if isinstance(answer, bytes) and exchange is None and nothing_is_left(req):
            await _send_text(req, answer, send)
            return
        exchange = exchange or self._exchange(req, send, context)
        await OwnContext(exchange.run(sent_text(answer) if isinstance(answer, bytes) else answer), context)

    def _exchange(self, req: ScopeRequest, send: Send, context: Context) -> Exchange:
        wire = SocketWire(req.asgi_scope or {}) if req.is_handshake else HttpWire()
        exchange = Exchange(req, wire, send, context)
        if self.app is not None and self._handler is not None:
            exchange.put_in_front_of(self.app, self._handler)
        return exchange


async def _send_text(req: ScopeRequest, body: bytes, send: Send) -> None:
    """Send a text behind which nobody is waiting for the end."""
    try:
        await send(start_of_text(body))
        await send({"type": "http.response.body", "body": body, "more_body": False})
    except OSError:  # as the standard wants it where the client is gone
        return
    req.bytes_sent = len(body)


async def _pull(record: Request) -> Response:
    """Ask the app in a subrequest."""
    first = record
    while (before := first.main or first.prev) is not None:
        first = before
    exchange: Exchange = vars(first)["exchange"]
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
