"""Prefix: what stands at a location; together they are a tree by segments, in which a path finds what may cover it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .tree import Node

if TYPE_CHECKING:
    from .plan import Selection


class Prefix:
    """A location, with the longer ones that start with it.

    Attributes:
        shorter: the location with one segment less; None for "/".
        longer: the locations with one segment more, by that segment.
        nodes: what is declared for this very location.
        selection: what applies to every path of which no longer prefix is known; None until it has been found out,
            and for good where that takes more than the prefix.
    """

    __slots__ = ("longer", "nodes", "selection", "shorter")

    def __init__(self, shorter: Prefix | None = None) -> None:
        """Start with nothing declared."""
        self.shorter = shorter
        self.longer = _NONE
        self.nodes: tuple[Node, ...] = ()
        self.selection: Selection | None = None

    def longest_of(self, path: str) -> Prefix:
        """Return the longest prefix that is known of a path."""
        found = self
        for segment in path.split("/"):
            longer = found.longer.get(segment)
            if longer is None:
                break
            found = longer
        return found

    def candidates(self) -> list[Node]:
        """Return the nodes that may cover a path of which this is the longest prefix."""
        if self.shorter is None:
            return list(self.nodes)
        return [*(node for node in self.shorter.candidates() if not node.is_exact), *self.nodes]

    def at(self, location: str) -> Prefix:
        """Return the prefix that a location is, making what leads there."""
        found = self
        for segment in location.rstrip("/").split("/"):
            if found.longer is _NONE:
                found.longer = {}
            if segment not in found.longer:
                found.longer[segment] = Prefix(found)
            found = found.longer[segment]
        return found


_NONE: dict[str, Prefix] = {}  # shared, as most locations have no longer ones


def prefixes_of(nodes: Iterable[Node]) -> Prefix:
    """Return where the search for a path's longest prefix starts.

    Args:
        nodes: in declaration order, the chain's own first.

    Returns:
        The prefix of everything, of what is no path too, such as the "*" of OPTIONS; "/" is its only longer one.
    """
    by_location: dict[str, list[Node]] = {}
    for node in nodes:
        by_location.setdefault(node.prefix, []).append(node)
    start = Prefix()
    start.longer = {"": Prefix()}
    for location, found in by_location.items():
        start.at(location).nodes = tuple(found)
    start.nodes = start.at("/").nodes
    return start
