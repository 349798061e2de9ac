"""What requests leave to the garbage collector: each cycle of references makes some later request wait for it."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Callable
from typing import Any

from . import clients, served
from .timing import loop

APPS = {"wsgi": "hookchain", "flask": "flask", "django": "django", "asgi": "hookchain", "starlette": "starlette"}
"""The apps of `served`, and what has to be installed for them."""

_ASYNC = frozenset({"asgi", "starlette"})
_REQUESTS = 100


def garbage() -> dict[str, list[float]]:
    """Count the objects that a request leaves behind in cycles, beyond those of the same app without hookchain.

    Returns:
        Samples by figure.
    """
    return {
        f"garbage/{app}": [_least(app, "hookchain") - _least(app, "bare")]
        for app, needed in APPS.items()
        if importlib.util.find_spec(needed) is not None
    }


def _least(app: str, subject: str) -> float:
    """Return what is left each time; what else happens in the process may leave something once."""
    return min(_left(app, subject) for _ in range(3))


def _left(app: str, subject: str) -> float:
    make: Callable[[], Any] = getattr(served, f"{app}_{subject}")
    ask = (clients.asgi if app in _ASYNC else clients.wsgi)(make())

    def one() -> None:
        answer = ask()
        if app in _ASYNC:
            loop.run_until_complete(answer)

    for _ in range(_REQUESTS):
        one()
    gc.collect()
    gc.freeze()  # what was there before is none of these requests'
    gc.disable()
    try:
        for _ in range(_REQUESTS):
            one()
        return gc.collect() / _REQUESTS
    finally:
        gc.enable()
        gc.unfreeze()
