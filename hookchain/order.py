"""Order, and the pure function that arranges handlers or names the cycle."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable, Iterable, Sequence
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

    def place(item: T, path: list[T]) -> None:
        if item in placed:
            return
        if item in path:
            raise OrderCycleError([*path[path.index(item) :], item])
        path.append(item)
        for needed in sorted(set(predecessors(item)), key=position.__getitem__):
            place(needed, path)
        path.pop()
        placed[item] = None

    for item in ranked:
        place(item, [])
    return list(placed)
