"""Where a chain asks who it is: the paths that its sections and handlers cover, as languages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from . import paths
from .languages import ANYTHING, END, NOTHING, Language, Text, below, sequence, union
from .plan import Plan, has_say_in_who_passes
from .reach import reach
from .regex_languages import searched
from .tree import Node


@dataclasses.dataclass(frozen=True, slots=True)
class Area:
    """Paths of a route to which the same nodes apply, conditions aside.

    Attributes:
        example: one of them.
        undecided: the nodes with regular expressions of which it is not known whether they cover these paths.
        is_all: False where there may be other paths of the route to which others apply.
    """

    example: str
    undecided: frozenset[Node] = frozenset()
    is_all: bool = True


class Places:
    """The places of a chain that have a say in who is let through.

    Attributes:
        nodes: those nodes.
        methods: the methods that they name.
        hosts: the hosts that they name.
    """

    def __init__(self, plan: Plan) -> None:
        """Look through a plan."""
        self._plan = plan
        self.nodes = tuple(node for node in plan.tree.nodes if has_say_in_who_passes(node))
        self._own = frozenset(self.nodes)
        around = {node for inner in self.nodes for node in inner.lineage()}
        self.methods = frozenset(name for node in around for name in node.scope.methods or ())
        self.hosts = frozenset(name for node in around for name in node.scope.hosts or ())
        found = {node: _paths_of(node) for node in plan.tree.nodes if not _is_everywhere(node)}
        self._patterns = frozenset(node for node in found if node.scope.pattern is not None)
        self._undecided = frozenset(node for node, (_, is_exact) in found.items() if not is_exact)
        self._languages = {node: language for node, (language, _) in found.items()}
        self._around = tuple(node for node in plan.tree.nodes if node in around)

    def is_there(self, place: Node, area: Area, method: str, host: str | None) -> bool:
        """Tell whether a node applies to the paths of an area, or may; conditions aside."""
        return _may_cover(place, area, method, host) or place in self._plan.find(area.example, method, host).nodes

    def applying(self, area: Area, method: str, host: str | None) -> list[Node]:
        """Return the nodes that have a say for the paths of an area, or may; conditions aside."""
        found = self._plan.find(area.example, method, host).nodes
        decided = [node for node in found if node in self._own and area.undecided.isdisjoint(node.lineage())]
        return decided + [node for node in self.nodes if _may_cover(node, area, method, host)]

    def areas(self, route: Language, place: Node | None = None) -> list[Area]:
        """Divide the paths of a route by the nodes that cover them, and the place in the chain where they belong."""
        nodes = {*self._around, *(() if place is None else place.lineage())} & self._languages.keys()
        undecided = self._undecided
        found = reach(route, self._distinct(nodes - undecided))
        if not found.is_complete and not nodes.isdisjoint(self._patterns - undecided):
            undecided = self._patterns
            found = reach(route, self._distinct(nodes - undecided))
        return [Area(example, undecided, found.is_complete) for example in found.examples]

    def _distinct(self, nodes: Iterable[Node]) -> Sequence[Language]:
        return list(dict.fromkeys(self._languages[node] for node in sorted(nodes, key=lambda node: node.index)))


def _is_everywhere(node: Node) -> bool:
    return node.scope.location is None and node.scope.pattern is None


def _paths_of(node: Node) -> tuple[Language, bool]:
    """The paths that a node's own location covers, and whether these are known exactly."""
    base = node.parent.prefix if node.parent is not None else "/"
    if node.pattern is not None:
        found, is_exact = searched(node.pattern)
        return _moved(found, base), is_exact
    location = node.scope.location or "/"
    if node.scope.exact:
        return _moved(Text(location), base), True
    return below(node.prefix), True


def _moved(language: Language, base: str) -> Language:
    """What lies below a base, as seen from the root; the base itself is seen as "/"."""
    if base == "/":
        return language
    rest = sequence(Text("/"), language.after("/"))
    return sequence(Text(base), union((rest, END if language.after("/").has_end else NOTHING)))


def _may_cover(node: Node, area: Area, method: str, host: str | None) -> bool:
    """Tell whether a node with an undecided expression applies where that expression is found."""
    around = node.lineage()
    return (
        not area.undecided.isdisjoint(around)
        and node.prefix in paths.prefixes(area.example)
        and all(other in area.undecided or other.covers_path(area.example) for other in around)
        and all(other.scope.methods is None or method in other.scope.methods for other in around)
        and all(other.scope.hosts is None or host in other.scope.hosts for other in around)
    )


def paths_below(node: Node) -> Language:
    """Return the paths of a node's location; perhaps more than these."""
    located = [around for around in node.lineage() if not _is_everywhere(around)]
    return _paths_of(located[-1])[0] if located else ANYTHING
