"""Exchange: one request on an ASGI server, from its first phase to what runs after the last byte."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from contextvars import Context
from typing import Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Response

from .asgi_scope import ScopeRequest, app_scope, scope_to_pull, scope_without_denial
from .cycle import FINISH, cycle, end_on_loop
from .dispatch import Steps
from .drivers import Finished, advance, aproceed, call_what_does_not_wait, deliver
from .ending import begin_to_end, close, finish, is_closed_already, until_over
from .going_on import SEND, Pending
from .incoming import Bridge, Incoming, Replay
from .inline_app import ASGIApp, InlineApp
from .outgoing import Outgoing, Send
from .process import APP_IS_NEXT
from .pulled_app import PulledApp
from .request import Request
from .results import Raised
from .runs import Step
from .threads import Threads
from .wires import Wire


class Exchange:
    """A request, the cycle that decides about it, and the server and the app on its two sides.

    The app runs in the task of the request. Only where an output filter may want to read what it answers, or a handler
    does, it gets a task of its own.
    """

    _app: ASGIApp
    _steps: Steps[None]
    _was_answered_at_once = False

    def __init__(self, req: ScopeRequest, wire: Wire, send: Send, context: Context) -> None:
        """Get ready, in the context of the server; ``req`` has been begun, and ``context`` is its own."""
        self._req = req
        self._incoming: Incoming = req.incoming
        self._context = context
        self._bridge: Bridge = req.bridge
        self._threads = Threads(self._bridge.interrupt)
        self._outgoing = Outgoing(req, wire, self._incoming, send, self._threads)
        self._stops: tuple[Step, ...] = (SEND, FINISH)
        self._pulled: list[PulledApp] = []
        self._called_off: asyncio.CancelledError | None = None

    def put_in_front_of(self, app: ASGIApp, step: Step) -> None:
        """Let an app stand behind the chain; ``step`` is what it is called in CONTENT."""
        self._app, self._stops = app, (SEND, FINISH, step)

    async def run(self, said: Response | Steps[None]) -> None:
        """Process the request to its end.

        Args:
            said: what it was answered with at once; or its cycle, or the rest of it.

        Raises:
            BaseException: what the server has to know: the client can't get what it was promised, the request was
                cancelled, or with ``debug=True`` a handler failed.
        """
        if isinstance(said, Response):
            self._was_answered_at_once = True
            await self._deliver(said)
            return
        self._steps = said
        with contextlib.suppress(Finished):
            await self._go_to_the_end(await self.drive(None))

    async def _go_to_the_end(self, pending: Pending) -> None:
        step, args = pending
        while step is not SEND:
            step, args = await self._ask_app(args[0])
        await self._deliver(args[0])

    def close(self) -> None:
        """Wait for nothing any more, and let go of the request."""
        self._incoming.close()
        self._req.exchange = None  # whose context knows the request: nobody but the garbage collector would end that

    # --- an app that was called without any of this

    def taken_over(self, replay: Replay) -> InlineApp:
        """Go on where the app has been called already, and may have begun its answer; ``replay`` is what it reads.

        Returns:
            What it sends to from now on. When it has ended, ``end_of_app`` goes on with that.
        """
        call = InlineApp(self, self._incoming, self._outgoing, replay)
        start, response = self._req.start, self._req.response
        if start is None or response is None:
            self._steps = cycle(self._req, APP_IS_NEXT)
            advance(self._steps, None)
        else:
            self._was_answered_at_once = True
            self._outgoing.take_over(start)
            call.take_over(response)
        return call

    async def end_of_app(self, call: InlineApp, failure: BaseException | None) -> None:
        """Process the request to its end, like ``run``; ``failure`` is what the app raised, or None."""
        with contextlib.suppress(Finished):
            await self._go_to_the_end(await call.ended(failure))

    # --- an answer that was sent without any of this

    async def end_of_answer(self, failure: BaseException | None, response: Response | None) -> None:
        """Process the request to its end, like ``run``.

        Args:
            failure: what was raised when the answer was sent, or None.
            response: the answer.
        """
        self._was_answered_at_once = True
        await self._end_delivery(failure, response)

    async def finish(self, left: Steps[None]) -> None:
        """Call what is left to be done when the answer was sent."""
        self._steps = left
        await self._wind_up(None, lambda _: advance(left, None))

    # --- the cycle

    async def drive(self, answer: Any) -> Pending:
        """Answer the step at which the cycle stands, and go on to the app, or to a response that is to be sent.

        Raises:
            Finished: the request is finished.
            BaseException: likewise, and this is what no response can stand for.
        """
        pending = await self._proceed(advance(self._steps, answer))
        while self._threads.cancelled is not None and pending[0] is not FINISH:
            if pending[0] is SEND:  # nobody takes the response any more
                await self.end(self._threads.cancelled, pending[1][0])
            pending = await self._proceed(deliver(self._steps, self._threads))
        if pending[0] is FINISH:
            self._note_cancellation(self._req.exception)
            await self._wind_up(None, lambda _: pending)
            raise Finished(None)
        return pending

    async def _proceed(self, pending: Pending) -> Pending:
        return await aproceed(self._steps, pending, self._threads, self._stops)

    # --- the app and the client

    async def _ask_app(self, record: Request) -> Pending:
        if record.is_handshake:
            scope = scope_without_denial(record) if _is_filtered(self._req) else app_scope(record)
            return await InlineApp(self, self._incoming, self._outgoing, None).run(self._app, scope)
        if not (_is_filtered(self._req) or _is_filtered(record)):
            call = InlineApp(self, self._incoming, self._outgoing, Replay(self._incoming, record))
            return await call.run(self._app, app_scope(record))
        try:
            answer: Any = await self.pull(record)
        except BaseException as error:
            answer = Raised(error)
        return await self.drive(answer)

    async def pull(self, record: Request) -> Response:
        """Ask the app for an answer that is read rather than sent."""
        receive = Replay(self._incoming, record)
        call = functools.partial(self._app, scope_to_pull(record), receive)
        pulled = PulledApp(call, self._incoming, self._bridge, self._context)
        self._pulled.append(pulled)
        response = await pulled.response()
        if receive.refused is not None:
            raise receive.refused
        return response

    async def _deliver(self, response: Response) -> None:
        failure: BaseException | None = None
        try:
            await self._outgoing.respond(response, may_be_watched=not self._pulled)
        except BaseException as error:
            failure = error
        await self._end_delivery(failure, response)

    async def _end_delivery(self, failure: BaseException | None, response: Response | None) -> None:
        if self._incoming.is_gone and isinstance(failure, OSError | ClientDisconnected):
            failure = None
        await self.end(failure, response)
        if failure is not None:
            raise failure

    # --- the end

    async def end(self, failure: BaseException | None, response: Response | None) -> None:
        """Tell the cycle what became of the response, close it, and run LOG and CLEANUP.

        Args:
            failure: what went wrong; None where nothing did.
            response: the response.

        Raises:
            BaseException: the request was cancelled, or a finisher raised what is more than a failure.
        """
        self._note_cancellation(failure)
        answer = None if failure is None else Raised(failure)
        await self._wind_up(response, lambda failed: self._go_on(answer or failed))

    def _go_on(self, sent: Raised | None) -> Pending:
        if not self._was_answered_at_once:
            return advance(self._steps, sent)
        left = end_on_loop(self._req, sent)
        if left is None:
            raise Finished(None)
        self._steps = left
        return advance(left, None)

    def _note_cancellation(self, error: BaseException | None) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._called_off = error

    async def _wind_up(self, response: Response | None, go_on: Callable[[Raised | None], Pending]) -> None:
        is_called_off = self._called_off is not None
        self._req.aborted = self._incoming.aborted or (is_called_off and self._incoming.is_open)
        if self._has_nothing_to_close(response):
            # What waits for nothing can't be cancelled, so that it needs no task of its own.
            response = None
            try:
                pending = go_on(None)
                rest = call_what_does_not_wait(self._steps, pending)
            except Finished:
                return
            go_on = lambda _: rest  # noqa: E731
        hurry = self._req.aborted or is_called_off
        task = begin_to_end(self._finish(response, go_on), self._context)
        cancelled = None if task is None else await until_over(self._req, task, hurry=hurry)
        cancelled = self._called_off or cancelled or self._threads.cancelled
        if cancelled is not None:
            raise cancelled

    def _has_nothing_to_close(self, response: Response | None) -> bool:
        is_called_off = self._called_off is not None or self._threads.cancelled is not None
        is_closed = response is None or is_closed_already(response)
        return is_closed and not is_called_off and not self._pulled

    async def _finish(self, response: Response | None, go_on: Callable[[Raised | None], Pending]) -> None:
        failed = None if response is None else await close(response, self._threads)
        for pulled in self._pulled:
            try:
                await pulled.aclose()
            except BaseException as error:
                failed = failed or Raised(error)
        with contextlib.suppress(Finished):
            pending = go_on(failed)
            await finish(self._steps, pending, self._threads)


def _is_filtered(record: Request) -> bool:
    return not record.selection.output_filters.is_empty
