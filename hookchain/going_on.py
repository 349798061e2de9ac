"""go_on(): the steps of a generator called one after the other, up to the first that the caller has to see to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from werkzeug.wrappers import Response

from .dispatch import Steps
from .results import Raised
from .runs import Function, Step

Pending = tuple[Step, tuple[Any, ...]]
"""A step that is wanted, and what it is called with."""

GoesOn: TypeAlias = Callable[[Steps[Any], Any], Pending]
"""What calls steps as long as they need not wait: ``go_on`` or ``go_on_loop``."""


def _send(response: Response) -> None:
    """Stand for the server: the driver hands the response over, and goes on when the last byte is gone."""


SEND = Function(_send)
"""The step at which a driver gives the response to its caller."""


def _over(value: Any) -> None:
    """Stand for the end of the steps."""


OVER = Function(_over)
"""The step that comes when all are over; it goes with what they returned."""


def go_on(steps: Steps[Any], answer: Any) -> Pending:
    """Give steps an answer, and call them as long as they are sync.

    Args:
        steps: a generator of steps.
        answer: what it is sent first; None to start it.

    Returns:
        The first that is left to the caller, or at which a response is to be sent; OVER with what they returned.
    """
    return _go_on(steps, answer, on_loop=False)


def go_on_loop(steps: Steps[Any], answer: Any) -> Pending:
    """Give steps an answer, like ``go_on``, on an event loop: what blocks it is left to the caller too."""
    return _go_on(steps, answer, on_loop=True)


def _go_on(steps: Steps[Any], answer: Any, *, on_loop: bool) -> Pending:
    send = steps.send
    try:
        step, args = send(answer)
        while not (step is SEND or step.is_async or (on_loop and step.blocking)):
            try:
                answer = step.call(*args)
            except BaseException as error:
                answer = Raised(error)
            step, args = send(answer)
    except StopIteration as stop:
        return OVER, (stop.value,)
    return step, args
