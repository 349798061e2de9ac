"""Places of a tree described for an explanation, and what conditions can hold together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from .declarations import ERROR_STATUSES
from .scopes import Condition
from .tree import Entry, Node

# Of so many conditions every combination is looked at; of more, each one by itself.
_MOST_CONDITIONS = 8


def place_of(node: Node) -> str:
    """Return the location and other limits of a node, conditions aside, as people would write them."""
    lineage = node.lineage()
    parts: list[str] = []
    if node.prefix != "/" or any(around.scope.location for around in lineage):
        parts.append(node.prefix + (" (exact)" if node.scope.exact else ""))
    scopes = [around.scope for around in lineage]
    parts += [f"~ {scope.pattern.pattern}" for scope in scopes if scope.pattern is not None]
    parts += [f"methods={','.join(sorted(scope.methods))}" for scope in scopes if scope.methods is not None]
    parts += [f"hosts={','.join(sorted(scope.hosts))}" for scope in scopes if scope.hosts is not None]
    return " ".join(parts) or "everywhere"


def conditions_of_node(node: Node) -> tuple[str, ...]:
    """Return what must hold of a request besides, such as "when=is_weekend", outermost first."""
    texts: list[str] = []
    for around in node.lineage():
        conditions = around.scope._replace(
            location=None, exact=False, pattern=None, methods=None, hosts=None
        ).describe()
        if conditions:
            texts.append(conditions)
    return tuple(texts)


def section_of(node: Node) -> str:
    """Return place and conditions of a node in one."""
    return " ".join((place_of(node), *conditions_of_node(node)))


def named(node: Node) -> str:
    """Return what a node is called in a reason, with its place."""
    what = "the chain" if node.parent is None else f"section {section_of(node)}"
    return f"{what} ({node.origin})"


def opening_node(nodes: Iterable[Node]) -> Node:
    """Return the innermost public one of some nodes."""
    return max((node for node in nodes if node.options.public), key=lambda node: node.key)


def described(nodes: Sequence[Node], held: frozenset[Node]) -> tuple[str, ...]:
    """Return which of some nodes' conditions hold and which do not."""
    texts = (("" if node in held else "not ") + " ".join(conditions_of_node(node)) for node in nodes)
    return tuple(dict.fromkeys(texts))


def variants(nodes: Sequence[Node]) -> list[frozenset[Node]]:
    """Return which of some nodes may apply together, as their conditions hold or not.

    Args:
        nodes: nodes with conditions.

    Returns:
        Sets of them, the one with all of them first. Of many conditions not all combinations are looked at.
    """
    conditions: list[Condition] = []
    for condition in itertools.chain.from_iterable(node.conditions for node in nodes):
        if condition not in conditions:
            conditions.append(condition)
    asked = [frozenset(map(conditions.index, node.conditions)) for node in nodes]
    found = (
        frozenset(node for node, wanted in zip(nodes, asked, strict=True) if wanted <= holding)
        for holding in _combinations(len(conditions))
    )
    return list(dict.fromkeys(found))


def _combinations(count: int) -> Iterable[frozenset[int]]:
    everything = range(count)
    sizes = range(count, -1, -1) if count <= _MOST_CONDITIONS else (count, count - 1, 1, 0)
    return (frozenset(chosen) for size in sizes for chosen in itertools.combinations(everything, size))


def merged(sequence: Sequence[Entry], order: Iterable[Entry]) -> list[Entry]:
    """Return a sequence that holds another order too; what stands elsewhere in it comes twice."""
    rest = list(sequence)
    result: list[Entry] = []
    for entry in order:
        if entry in rest:
            until = rest.index(entry) + 1
            result += rest[:until]
            del rest[:until]
        else:
            result.append(entry)
    return result + rest


def statuses_text(statuses: frozenset[int]) -> str:
    """Return the statuses of an error document as people write them.

    >>> statuses_text(frozenset({410, 404}))
    '404, 410'
    """
    if statuses == ERROR_STATUSES:
        return f"{min(statuses)}-{max(statuses)}"
    return ", ".join(map(str, sorted(statuses)))


def names_listed(what: str, names: Iterable[str]) -> str:
    """Return names behind what they are.

    >>> names_listed("method", ["POST", "GET"])
    'methods GET, POST'
    """
    several = sorted(names)
    return f"{what}{'s' if len(several) > 1 else ''} {', '.join(several)}"
