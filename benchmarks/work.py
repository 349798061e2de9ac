"""The tiny work that every hook does, in functions that do not share their code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HELLO = b"hello"
COUNTS = (0, 5, 10, 25)
"""How many hooks the whole-request cases have."""


class Tally:
    """What hooks count on, so that it can be checked that each of them ran."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        """Start at nothing."""
        self.n = 0


TALLY = Tally()


def functions(count: int, source: str, **names: Any) -> list[Callable[..., Any]]:
    """Compile a function called ``hook`` so many times.

    Functions made in a loop from one ``def`` share their code, which real hooks do not, and the interpreter specialises
    by code.

    Args:
        count: how many.
        source: the definition.
        names: what it uses, besides TALLY.

    Returns:
        The functions.
    """
    made: list[Callable[..., Any]] = []
    for number in range(count):
        space: dict[str, Any] = {"TALLY": TALLY, **names}
        exec(compile(source, f"<hook {number}>", "exec"), space)
        made.append(space["hook"])
    return made


def function(source: str, name: str, **names: Any) -> Callable[..., Any]:
    """Compile one function of its own.

    Args:
        source: the definition.
        name: what it defines.
        names: what it uses.

    Returns:
        The function.
    """
    space: dict[str, Any] = dict(names)
    exec(compile(source, f"<{name}>", "exec"), space)
    made: Callable[..., Any] = space[name]
    return made


def spread_over(hooks: list[Any], places: int) -> list[list[Any]]:
    """Deal hooks out to so many places, in order and evenly."""
    dealt: list[list[Any]] = [[] for _ in range(places)]
    for number, hook in enumerate(hooks):
        dealt[number * places // len(hooks)].append(hook)
    return dealt
