"""The six signals: watch a chain at work without taking part.

Each is sent with the chain as sender. Nothing is computed for a signal that nobody listens to, and nothing that a
receiver does changes the request: its exceptions are logged.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

request_started = _signals.signal("request-started")
"""Before POST_READ_REQUEST; argument ``request``."""
phase_started = _signals.signal("phase-started")
"""Before the handlers of a phase; arguments ``request``, ``phase``."""
phase_finished = _signals.signal("phase-finished")
"""After the handlers of a phase; arguments ``request``, ``phase``."""
handler_called = _signals.signal("handler-called")
"""After each handler; arguments ``request``, ``phase``, ``handler`` (its name), ``answer`` and ``seconds``."""
got_exception = _signals.signal("got-exception")
"""An exception that is no answer left a handler, a filter or the app; arguments ``request``, ``exception``."""
request_finished = _signals.signal("request-finished")
"""After CLEANUP; argument ``request``."""

OBSERVING = (request_started, phase_started, phase_finished, handler_called, request_finished)
"""While one of these has a receiver, requests keep a trace."""


def somebody_observes() -> bool:
    """Tell whether one of these has a receiver."""
    return bool(
        request_started.receivers
        or phase_started.receivers
        or phase_finished.receivers
        or handler_called.receivers
        or request_finished.receivers
    )
