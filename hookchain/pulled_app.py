"""PulledApp: an app whose answer is read rather than sent, as by output filters and ``await sub.arun()``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import Context
from typing import TypeAlias

from werkzeug.wrappers import Response

from .incoming import Bridge, Incoming, Message
from .wires import HttpWire

Send: TypeAlias = Callable[[Message], Awaitable[None]]


class PulledApp:
    """The body of an app that runs in a task of its own, and goes on when the next piece is asked for.

    It may be iterated over with ``async for``, and in a worker thread with ``for``.
    """

    def __init__(
        self, call: Callable[[Send], Awaitable[None]], incoming: Incoming, bridge: Bridge, context: Context
    ) -> None:
        """Start an app.

        Args:
            call: calls it with what it sends to.
            incoming: knows whether the client is gone.
            bridge: waits for it in a worker thread.
            context: the values of context variables that it gets, and leaves its own in.
        """
        self._call = call
        self._incoming = incoming
        self._bridge = bridge
        self._messages: asyncio.Queue[Message | BaseException] = asyncio.Queue(1)
        self._has_ended = self._holds = False
        self._task = asyncio.get_running_loop().create_task(self._run(), context=context)

    async def _run(self) -> None:
        try:
            await self._call(self._send)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            if self._has_ended:
                raise
            await self._messages.put(error)
        else:
            if not self._has_ended:
                await self._messages.put(self._incoming.ended_early("before its answer was complete"))

    async def _send(self, message: Message) -> None:
        if not self._has_ended:
            await self._messages.put(message)
            await self._messages.join()

    async def _take(self) -> Message:
        self._release()
        message = await self._messages.get()
        self._holds = True
        if isinstance(message, BaseException):
            self._has_ended = True
            raise message
        return message

    def _release(self) -> None:
        # Not before: when the next piece is asked for, the last one is with the client.
        if self._holds:
            self._holds = False
            self._messages.task_done()

    async def response(self) -> Response:
        """Return the app's answer, as soon as it has begun; this is its body.

        Raises:
            HookChainError: it ended without one.
            ValueError: a header must not leave.
        """
        while (response := HttpWire().opening(await self._take())) is None:
            pass  # other messages are for servers
        response.response = self
        return response

    async def pull(self) -> bytes | None:
        """Return the next piece of the body; None at its end.

        Raises:
            HookChainError: the app ended before.
        """
        while not self._has_ended:
            message = await self._take()
            if message["type"] == "http.response.body":
                self._has_ended = not message.get("more_body", False)
                return bytes(message.get("body", b""))
        return None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the body."""
        while (chunk := await self.pull()) is not None:
            yield chunk

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the body, in a worker thread."""
        while (chunk := self._bridge(self.pull())) is not None:
            yield chunk

    def close(self) -> None:
        """End the app, in a worker thread."""
        self._bridge(self.aclose())

    async def aclose(self) -> None:
        """End the app: cancel it where it has more to say, else wait for what it does after its answer.

        Raises:
            BaseException: what it raised after its answer.
        """
        if not self._has_ended:
            self._has_ended = True
            self._task.cancel()
        self._release()
        try:
            await asyncio.wait({self._task})
        finally:
            self._task.cancel()  # where it is not waited for any longer
        if not self._task.cancelled():
            self._task.result()
