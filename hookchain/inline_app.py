"""InlineApp: the app behind the chain in the task of its request; what it sends goes through the cycle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import Any, NoReturn, Protocol, TypeAlias

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Response

from .drivers import Finished
from .going_on import SEND, Pending
from .incoming import Incoming, Message, Receive, Replay
from .outgoing import Outgoing
from .responses import NoBody
from .results import Raised

ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class Cycle(Protocol):
    """The cycle of the request, as the app's messages move it on."""

    async def drive(self, answer: Any) -> Pending:
        """Answer the app's step, and go on to where a response is to be sent."""
        ...

    async def end(self, failure: BaseException | None, response: Response | None) -> None:
        """Run LOG and CLEANUP."""
        ...


class AppBody:
    """Stands in a response for the body that the app is going to send by itself."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield nothing, where something else became of the response."""
        return iter(())


class InlineApp:
    """One call of the app: the server's ``receive`` and ``send``, as the app gets them.

    The response that it begins is its answer in CONTENT. Where the cycle wants that one to be sent, what follows is
    passed on as it comes; where it wants another one, the app is told that the client is gone.
    """

    def __init__(self, cycle: Cycle, incoming: Incoming, outgoing: Outgoing, replay: Replay | None) -> None:
        """Get ready; ``replay`` gives the app the request's body, None where there can't be one."""
        self._cycle = cycle
        self._incoming = incoming
        self._outgoing = outgoing
        self._replay = replay
        self._from_server: Receive = incoming.message if replay is None else replay
        self._body = AppBody()
        self._wanted: Response | None = None
        self._passes_on = False
        self._is_silent = False
        self._over: BaseException | None = None

    async def run(self, app: ASGIApp, asgi_scope: dict[str, Any]) -> Pending:
        """Call the app.

        Returns:
            Where the cycle stands, if a response is to be sent that is not the app's.

        Raises:
            Finished: the app's answer was sent, and the request is finished.
            BaseException: likewise, and the server has to know.
        """
        failure: BaseException | None = None
        try:
            await app(asgi_scope, self.receive, self.send)
        except BaseException as error:
            failure = error
        return await self.ended(failure)

    def take_over(self, response: Response) -> None:
        """Go on where the app has begun this response, and nothing is between it and the server."""
        self._wanted, self._passes_on = response, True

    async def ended(self, failure: BaseException | None) -> Pending:
        """Go on when the app has ended, like ``run``; ``failure`` is what it raised, or None."""
        if self._over is not None:
            raise self._over
        if self._passes_on:
            await self._end(failure)
        if self._wanted is None:
            failure = failure or self._incoming.ended_early("without an answer")
        elif failure is None or isinstance(failure, Exception):
            return SEND, (self._wanted,)
        return await self._cycle.drive(Raised(failure))

    async def _end(self, failure: BaseException | None) -> NoReturn:
        cause = failure
        if failure is None and self._incoming.is_open:
            cause = self._incoming.ended_early("before its answer was complete")  # which the server sees, too
        is_gone = self._incoming.is_gone and isinstance(cause, OSError | ClientDisconnected)
        await self._cycle.end(None if is_gone else cause, self._wanted)
        if failure is not None:
            raise failure
        raise Finished(None)

    async def receive(self) -> Message:
        """Return what the server sends in; that the client is gone where the app's answer is not sent."""
        if self._wanted is not None and not self._passes_on:
            return {"type": "http.disconnect"}
        return await self._from_server()

    async def send(self, message: Message) -> None:
        """Take what the app sends.

        Raises:
            OSError: the client is gone, or gets another response.
        """
        if self._passes_on:
            if not self._is_silent:
                await self._outgoing.send(message)
        elif self._wanted is not None:
            raise OSError("the chain has answered in place of the app")
        else:
            await self._open(message)

    async def _open(self, message: Message) -> None:
        answer = self._answer_in(message)
        if answer is None:
            await self._outgoing.send(message)
            return
        try:
            _, (response,) = await self._cycle.drive(answer)
        except BaseException as error:
            self._over = error
            raise
        self._wanted = response
        await self._pass_on(response, message)

    def _answer_in(self, message: Message) -> Response | Raised | None:
        try:
            response = self._outgoing.wire.opening(message)
        except ValueError as error:
            return Raised(error)
        if response is None:
            return None
        if self._replay is not None and self._replay.refused is not None:
            return Raised(self._replay.refused)
        if message["type"] != "websocket.close":
            response.response = self._body
        return response

    async def _pass_on(self, response: Response, message: Message) -> None:
        body = response.response
        is_silent = isinstance(body, NoBody) and body.body is self._body
        if not is_silent and body is not self._body:
            return
        if message["type"] == "websocket.accept":
            if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
                return
            is_silent = False
            self._incoming.is_open = False  # from now on a disconnect is how it ends
        self._passes_on, self._is_silent = True, is_silent
        await self._outgoing.send(self._outgoing.wire.start(response, message).message)
        if is_silent:
            await self._outgoing.send(self._outgoing.wire.body(b"", more=False))
