"""Strategies of Hypothesis that several tests share."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SEGMENTS = ["a", "b", "admin", "administrator", "x y", "ä", "a%20b", "..a", "..."]
SPELT = [*SEGMENTS, "", ".", ".."]


@st.composite
def orderings(draw: Any, *, constrained: bool = True) -> tuple[list[int], dict[int, list[int]]]:
    """Items in rank order, and for some of them the items that come before; without a cycle."""
    items: list[int] = draw(st.permutations(range(draw(st.integers(0, 8)))))
    pairs = st.lists(st.tuples(st.sampled_from(items), st.sampled_from(items)), max_size=10) if items else st.just([])
    possible = draw(st.permutations(items))  # an order in which all of them can be met
    earlier: dict[int, list[int]] = {}
    for one, other in draw(pairs) if constrained else ():
        first, second = sorted((one, other), key=possible.index)
        if first != second:
            earlier.setdefault(second, []).append(first)
    return list(items), earlier


def paths() -> st.SearchStrategy[str]:
    """Decoded paths in every spelling, those that climb above the root included."""
    return st.lists(st.sampled_from(SPELT), max_size=7).map(lambda parts: "/" + "/".join(parts))


def locations() -> st.SearchStrategy[str]:
    """Locations as people write them."""
    return st.lists(st.sampled_from(SEGMENTS), max_size=3).map(lambda parts: "/" + "/".join(parts))
