"""The six signals: watch a chain at work without taking part.

Each is sent with the chain as sender. Nothing is computed for a signal that nobody listens to, and nothing that a
receiver does changes the request: its exceptions are logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from blinker import ANY, NamedSignal

F = TypeVar("F", bound="Callable[..., Any]")

heard: set[NamedSignal] = set()
"""The observing signals that have had a receiver since ``somebody_observes`` was last asked; mostly none.

A request asks this one set at each phase, where to ask each signal would cost as much as a handler.
"""


class ObservingSignal(NamedSignal):
    """A signal for which requests keep a trace while it has a receiver."""

    def connect(self, receiver: F, sender: Any = ANY, weak: bool = True) -> F:  # noqa: FBT001, FBT002 - blinker's own
        """Connect a receiver, and be among those that are heard."""
        super().connect(receiver, sender, weak)
        heard.add(self)
        return receiver


request_started = ObservingSignal("request-started")
"""Before POST_READ_REQUEST; argument ``request``."""
phase_started = ObservingSignal("phase-started")
"""Before the handlers of a phase; arguments ``request``, ``phase``."""
phase_finished = ObservingSignal("phase-finished")
"""After the handlers of a phase; arguments ``request``, ``phase``."""
handler_called = ObservingSignal("handler-called")
"""After each handler; arguments ``request``, ``phase``, ``handler`` (its name), ``answer`` and ``seconds``."""
got_exception = NamedSignal("got-exception")
"""An exception that is no answer left a handler, a filter or the app; arguments ``request``, ``exception``."""
request_finished = ObservingSignal("request-finished")
"""After CLEANUP; argument ``request``."""

OBSERVING = (request_started, phase_started, phase_finished, handler_called, request_finished)
"""While one of these has a receiver, requests keep a trace."""


def somebody_observes() -> bool:
    """Tell whether one of these has a receiver."""
    for signal in [*heard]:
        if not signal.receivers:
            heard.discard(signal)
            if signal.receivers:  # connected in another thread, just before it was taken out
                heard.add(signal)
    return bool(heard)
