"""Run: the handlers of one phase in the order they are called in, cut into segments that a driver calls at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Protocol, TypeAlias

from . import signals
from .error_log import log_error
from .handlers import Handler
from .phases import Phase, Policy
from .request import Request, TraceEntry
from .results import DECLINED, OK, Raised
from .straight import OnOk, Part, caller_of

Settled: TypeAlias = tuple[Handler, object] | None
"""The handler that ended a run and its answer, or ``Raised``; None where all let the request go on."""


class Step(Protocol):
    """Something that a driver calls: on an event loop (``is_async``), off it (``blocking``), or wherever it is."""

    @property
    def is_async(self) -> bool:
        """Whether ``call`` returns an awaitable."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether a sync ``call`` has to be kept off an event loop."""
        ...

    @property
    def call(self) -> Callable[..., Any]:
        """What is called."""
        ...


class Function:
    """A function of the library's own that has to be called by a driver, as it runs users' code or does I/O."""

    __slots__ = ("blocking", "call")

    is_async = False

    def __init__(self, call: Callable[..., Any], *, blocking: bool = True) -> None:
        """Keep the function; one that only computes need not be kept off an event loop."""
        self.call = call
        self.blocking = blocking


class Segment:
    """Handlers that are all sync or all async, called at once."""

    __slots__ = ("_is_observed", "blocking", "call", "handlers", "is_async", "runs_all")

    def __init__(self, handlers: Sequence[Handler], *, runs_all: bool, observed: bool = False) -> None:
        """Choose how they are called; observed ones leave a trace and are timed."""
        self._is_observed = observed
        self.handlers = tuple(handlers)
        self.runs_all = runs_all
        self.is_async = self.handlers[0].is_async
        self.blocking = any(handler.blocking for handler in self.handlers)
        watched: Callable[..., Any] = self._acall_observed if self.is_async else self._call_observed
        self.call = watched if observed else self._straight()

    def _straight(self) -> Callable[..., Any]:
        on_ok = OnOk.GOES_ON if self.runs_all else OnOk.SETTLES
        return caller_of([Part(handlers=self.handlers, on_ok=on_ok)])

    def behind(self, handler: Handler) -> tuple[Segment, ...]:
        """Return the segment of the handlers behind one that has broken the call off; none where it was the last."""
        rest = self.handlers[self.handlers.index(handler) + 1 :]
        return (Segment(rest, runs_all=self.runs_all, observed=self._is_observed),) if rest else ()

    def _call_observed(self, req: Request) -> Settled:
        for handler in self.handlers:
            started = time.perf_counter()
            try:
                answer = handler.call(req)
            except BaseException as error:
                answer = Raised(error)
            observe(req, handler, answer, time.perf_counter() - started)
            if not self._goes_on(answer):
                return handler, answer
        return None

    async def _acall_observed(self, req: Request) -> Settled:
        for handler in self.handlers:
            started = time.perf_counter()
            try:
                answer = await handler.call(req)
            except BaseException as error:
                answer = Raised(error)
            observe(req, handler, answer, time.perf_counter() - started)
            if not self._goes_on(answer):
                return handler, answer
        return None

    def _goes_on(self, answer: object) -> bool:
        return answer is None or answer is DECLINED or (self.runs_all and answer is OK)


class Run:
    """The handlers of one phase, in order.

    Attributes:
        handlers: all of them.
        segments: cut where sync changes to async.
        observed: the same, leaving a trace.
    """

    __slots__ = ("handlers", "observed", "phase", "segments")

    def __init__(self, phase: Phase, handlers: Sequence[Handler]) -> None:
        """Cut the handlers into segments."""
        self.phase = phase
        self.handlers = tuple(handlers)
        runs_all = phase.policy is not Policy.RUN_FIRST
        groups = [list(group) for _, group in groupby(self.handlers, key=lambda handler: handler.is_async)]
        self.segments = tuple(Segment(group, runs_all=runs_all) for group in groups)
        self.observed = tuple(Segment(group, runs_all=runs_all, observed=True) for group in groups)

    def __bool__(self) -> bool:
        """Tell whether anything is called."""
        return bool(self.handlers)

    def one_by_one(self, *, observed: bool) -> tuple[Segment, ...]:
        """Return a segment for each handler, for requests whose body each of them finds at its beginning."""
        if not self.handlers:
            return ()
        runs_all = self.phase.policy is not Policy.RUN_FIRST
        return tuple(Segment((handler,), runs_all=runs_all, observed=observed) for handler in self.handlers)


def observe(req: Request, handler: Handler, answer: object, seconds: float) -> None:
    """Write down that a handler ran, and tell those who listen."""
    phase = handler.phase or req.phase or Phase.CONTENT
    seen = answer.error if isinstance(answer, Raised) else answer
    if req.trace is not None:
        req.trace.append(TraceEntry(phase, handler.name, seen, record_name(req), seconds))
    if signals.handler_called.receivers:
        send(
            signals.handler_called,
            req,
            phase=phase,
            handler=handler.name,
            answer=seen,
            seconds=seconds,
        )


def record_name(req: Request) -> str:
    """Return "redirect" or "sub" for a record that is one, outermost first; "" for the request itself."""
    if req.prev is not None:
        return f"{record_name(req.prev)} redirect".strip()
    if req.main is not None:
        return f"{record_name(req.main)} sub".strip()
    return ""


def send(signal: Any, req: Request, **arguments: object) -> None:
    """Send a signal; what a receiver does never changes the request."""
    try:
        signal.send(req.chain, request=req, **arguments)
    except Exception as error:
        log_error(req, f"a receiver of the signal {signal.name}", error)
