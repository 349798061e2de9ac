"""ASGI: HTTP requests and WebSockets through the chain, lifespan for the server, and the app behind.

Source: the ASGI specification 3.0, with its HTTP, WebSocket and lifespan protocols.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from .asgi_scope import request_of
from .exceptions import HookChainError
from .exchange import Exchange
from .handlers import Handler
from .incoming import Message, Receive
from .inline_app import ASGIApp
from .outgoing import Send
from .own_context import OwnContext
from .phases import Phase
from .wires import HttpWire, SocketWire
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

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Process a request, or what else a server asks for.

        Raises:
            HookChainError: it is something that the chain does not know, and no app may be asked.
        """
        kind = scope["type"]
        if kind in {"http", "websocket"}:
            await self._noted(self._exchange(scope, receive, send))
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

    async def _exchange(self, scope: Any, receive: Receive, send: Send) -> None:
        req = request_of(scope, receive)
        req.place = self
        self.chain.begin(req)
        wire = SocketWire(scope) if req.is_handshake else HttpWire()
        context = contextvars.copy_context()
        exchange = Exchange(req, wire, req.incoming, send, context)
        if self.app is not None and self._handler is not None:
            exchange.put_in_front_of(self.app, self._handler)
        await OwnContext(exchange.run(), context)


async def _live(scope: Any, receive: Receive, send: Send) -> None:
    del scope
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
