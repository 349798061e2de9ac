"""Order, and the pure function that arranges handlers or names the cycle."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


class Order(enum.IntEnum):
    """The rank of a handler inside its phase.

    Source: httpd ``APR_HOOK_REALLY_FIRST`` to ``APR_HOOK_REALLY_LAST`` (apr_hooks.h), with APR's numbers.
    """

    REALLY_FIRST = -10
    FIRST = 0
    MIDDLE = 10
    LAST = 20
    REALLY_LAST = 30


class OrderCycleError(Exception):
    """The declared orders contradict each other; ``cycle`` lists the items, the first one again at the end."""

    def __init__(self, cycle: Sequence[object]) -> None:
        """Keep the cycle."""
        self.cycle = tuple(cycle)
        super().__init__(" -> ".join(map(str, self.cycle)))


def arrange(ranked: Sequence[T], predecessors: Callable[[T], Iterable[T]]) -> list[T]:
    """Put items in order: by rank, each preceded by those that must come before it.

    What is needed is pulled forward, as httpd does it: ``a b c d e`` with "a after e" gives ``e a b c d``.

    Args:
        ranked: the items in rank order, each once.
        predecessors: gives those of the items that must come before the given one.

    Returns:
        A permutation of ``ranked`` in which every constraint holds; ``ranked`` itself where there is none.

    Raises:
        OrderCycleError: the constraints contradict each other.

    Source: httpd ``apr_hook_sort_all`` (APR-util hooks/apr_hooks.c).
    """
    position = {item: index for index, item in enumerate(ranked)}
    placed: dict[T, None] = {}
    for item in ranked:
        # Depth first, with a stack of our own: what is on it waits for what is above it.
        waiting: dict[T, Iterator[T]] = {}
        needed: T | None = None if item in placed else item
        while needed is not None or waiting:
            if needed is not None:
                if needed in waiting:
                    path = list(waiting)
                    raise OrderCycleError([*path[path.index(needed) :], needed])
                waiting[needed] = iter(sorted(set(predecessors(needed)), key=position.__getitem__))
            last = next(reversed(waiting))
            needed = next((other for other in waiting[last] if other not in placed), None)
            if needed is None:
                placed[last] = None
                del waiting[last]
    return list(placed)
