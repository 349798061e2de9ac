"""What can go wrong, and a chain in which every finisher is counted and a fault is put in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from hookchain import signals
from hookchain.chain import HookChain
from hookchain.order import Order
from hookchain.phases import CYCLE_PHASES, Phase
from hookchain.request import Request
from hookchain.results import DONE, OK, InternalRedirect

from .case import Log, named
from .exchanges import Interrupt

Fault = Callable[[], object]


def _raises(make: Callable[[], BaseException]) -> Fault:
    def fault() -> object:
        raise make()

    return fault


FAULTS: dict[str, Fault] = {
    "nothing": lambda: None,
    "an exception": _raises(lambda: LookupError("fault")),
    "an HTTP exception": _raises(Forbidden),
    "a BaseException": _raises(Interrupt),
    "a CancelledError": _raises(asyncio.CancelledError),
    "StopIteration": _raises(lambda: StopIteration("fault")),
    "a status": lambda: 503,
    "a redirect": lambda: ("moved", 302, {"Location": "/elsewhere"}),
    "a response": lambda: Response("answer", 418),
    "DONE": lambda: DONE,
    "an internal redirect": lambda: InternalRedirect("/elsewhere"),
    "rubbish": lambda: 1.5,
}
"""What goes wrong, or ends a request, by itself."""

Put = Callable[["Watched", Log], object]

INTERRUPTIONS = ("cancel", "leave")
"""What the server does to a request that is running."""

PAIRED = [phase for phase in CYCLE_PHASES if phase is not Phase.CONTENT]


class _Chunks:
    """A body in four chunks that counts its closing, and fails where it is told."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        watched.made += 1

    def chunks(self) -> Iterator[bytes]:
        for number in range(4):
            if self._watched.point == f"the body's chunk {number}":
                self._watched.fault()
            yield b"chunk"

    def close(self) -> None:
        self._watched.closed += 1
        if self._watched.point == "the body's close":
            self._watched.fault()


class Body(_Chunks):
    """A body to iterate over."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks."""
        return self.chunks()


class AsyncBody(_Chunks):
    """A body to iterate over on an event loop."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the chunks."""
        for chunk in self.chunks():
            await asyncio.sleep(0)
            yield chunk


class Watched:
    """A chain that writes down what was started and what was finished, with a fault in one place.

    Attributes:
        fault: what happens there; changed from request to request.
        chain: the chain.
        point: where.
        started: pairs whose first half has run.
        finished: what has run after the last byte.
        made: bodies that were made.
        closed: bodies that were closed.
    """

    def __init__(self, chain: HookChain, log: Log, point: str, put: Put, *, is_async: bool) -> None:
        """Build the chain; ``put`` puts the fault where ``point`` says."""
        self.chain, self.point = chain, point
        self.is_async = is_async
        self.fault: Fault = FAULTS["nothing"]
        self.receivers: list[Callable[..., None]] = []
        self.reset()
        for phase in PAIRED:
            chain.register(phase, self._pair(phase.name), order=Order.FIRST)
        chain.register("authen", lambda req: setattr(req, "user", "ann"), order=Order.REALLY_FIRST)
        chain.register("post_read_request", self._begin, order=Order.REALLY_FIRST)
        chain.register("log", self._finisher("LOG"), order=Order.FIRST)
        chain.register("cleanup", self._finisher("CLEANUP"), order=Order.FIRST)
        put(self, log)
        chain.register("content", self._content, order=Order.LAST)

    def reset(self) -> None:
        """Forget the requests so far."""
        self.begun = self.made = self.closed = 0
        self.started: list[str] = []
        self.finished: list[str] = []

    def expected(self, req: Request) -> list[str]:
        """Return what has to be in ``finished``: each finisher once, second halves where the first ran."""
        records = 1
        while req.next is not None:
            records, req = records + 1, req.next
        return ["LOG", *self.started[::-1], *["registered"] * self.begun, *["CLEANUP"] * records]

    # --- what is always there

    def _begin(self, req: Request) -> None:
        self.begun += 1
        req.register_cleanup(lambda: self.finished.append("registered"))

    def _finisher(self, name: str) -> Any:
        return self.handler(lambda: self.finished.append(name))

    def _content(self, req: Request) -> Response:
        body: Any = AsyncBody(self) if self.is_async else Body(self)
        return Response(body, mimetype="text/plain")

    def _pair(self, name: str) -> Any:
        answer = OK if name == "AUTHZ" else None

        def pair(req: Request) -> Iterator[object]:
            self.started.append(name)
            try:
                yield answer
            finally:
                self.finished.append(name)

        async def apair(req: Request) -> AsyncIterator[object]:
            self.started.append(name)
            try:
                yield answer
            finally:
                self.finished.append(name)

        return named(apair if self.is_async else pair, f"pair in {name}")

    # --- the fault

    def fail(self, *_: object) -> Any:
        """Let the fault happen."""
        return self.fault()

    def handler(self, call: Callable[[], object]) -> Any:
        """Return a handler that calls something."""

        async def handler(req: Request) -> object:
            answer = call()
            for _ in range(3):  # a cancellation arrives while a handler waits
                await asyncio.sleep(0)
            return answer

        return handler if self.is_async else lambda req: call()

    def first_half(self) -> Any:
        """Return a pair with the fault before its yield."""

        def pair(req: Request) -> Iterator[object]:
            yield self.fault()

        async def apair(req: Request) -> AsyncIterator[object]:
            answer = self.fault()
            await asyncio.sleep(0)
            yield answer

        return apair if self.is_async else pair

    def second_half(self) -> Any:
        """Return a pair with the fault behind its yield."""

        def pair(req: Request) -> Iterator[object]:
            yield None
            self.fault()

        async def apair(req: Request) -> AsyncIterator[object]:
            yield None
            await asyncio.sleep(0)
            self.fault()

        return apair if self.is_async else pair

    def receive(self, signal: Any) -> None:
        """Put the fault into a receiver of a signal."""

        def receiver(sender: object, **told: object) -> None:
            self.fault()

        self.receivers.append(receiver)  # signals hold receivers weakly
        signal.connect(receiver, sender=self.chain)
        if signal is signals.got_exception:
            self.chain.access(self.handler(_raises(lambda: LookupError("first"))))

    def condition(self, _: Request) -> bool:
        """Be a condition with the fault in it, which holds."""
        self.fault()
        return True
