"""What two places of a chain have in common: whether one covers all, or none, of the requests of the other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from . import paths
from .scopes import Scope
from .tree import Node


def covers_all_of(outer: Node, inner: Node) -> bool:
    """Tell whether every request that one node covers is covered by another; False where that can't be told."""
    around = inner.lineage()
    return all(node in around or _is_implied(node, around) for node in outer.lineage())


def _is_implied(node: Node, around: Sequence[Node]) -> bool:
    scopes = [other.scope for other in around]
    own = node.scope
    return (
        _path_is_implied(node, around)
        and _is_within(methods_of(around), own.methods)
        and _is_within(hosts_of(around), own.hosts)
        and (own.directory is None or any(_is_below(scope.directory, own.directory) for scope in scopes))
        and all(
            value is None or any(getattr(scope, name) == value for scope in scopes)
            for name, value in (("files", own.files), ("endpoint", own.endpoint), ("when", own.when))
        )
    )


def _path_is_implied(node: Node, around: Sequence[Node]) -> bool:
    exact = exact_paths(around)
    if exact:
        return all(_covers_path(node, path) for path in exact)
    if node.scope.pattern is not None:
        return any(_pattern_of(other) == _pattern_of(node) for other in around)
    return not node.scope.exact and node.prefix in paths.prefixes(around[-1].prefix)


def _is_within(names: frozenset[str] | None, limit: frozenset[str] | None) -> bool:
    return limit is None or (names is not None and names <= limit)


def _is_below(directory: str | None, limit: str) -> bool:
    if directory is None:
        return False
    parts, wanted = ([part for part in path.split("/") if part] for path in (directory, limit))
    return parts[: len(wanted)] == wanted


def have_nothing_in_common(one: Node, other: Node) -> bool:
    """Tell whether no request can be covered by both; False where that can't be told."""
    if one.prefix not in paths.prefixes(other.prefix) and other.prefix not in paths.prefixes(one.prefix):
        return True
    return contradiction([*one.lineage(), *other.lineage()]) is not None


def contradiction(nodes: Sequence[Node]) -> str | None:
    """Say why no request can be covered by all of these nodes; None where one may be."""
    if methods_of(nodes) == frozenset():
        return "no method is left"
    if hosts_of(nodes) == frozenset():
        return "no host is left"
    for path in exact_paths(nodes):
        if not all(_covers_path(node, path) for node in nodes):
            return f"no path is left but {path!r}, which it does not cover"
    return None


def methods_of(nodes: Sequence[Node]) -> frozenset[str] | None:
    """Return the methods that all of these nodes cover; None for every method."""
    return _in_all([node.scope.methods for node in nodes])


def hosts_of(nodes: Sequence[Node]) -> frozenset[str] | None:
    """Return the hosts that all of these nodes cover; None for every host."""
    return _in_all([node.scope.hosts for node in nodes])


def _in_all(sets: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    given = [names for names in sets if names is not None]
    return frozenset(given[0].intersection(*given[1:])) if given else None


def exact_paths(nodes: Sequence[Node]) -> list[str]:
    """Return the whole paths that nodes with ``exact=True`` stand for."""
    return [
        paths.join(node.parent.prefix if node.parent else "/", node.scope.location)
        for node in nodes
        if node.scope.exact and node.scope.location is not None
    ]


def _covers_path(node: Node, path: str) -> bool:
    return node.prefix in paths.prefixes(path) and node.covers_path(path)


def _pattern_of(node: Node) -> Hashable:
    return node.parent.prefix if node.parent else "/", node.scope.pattern


def extent(node: Node) -> Hashable:
    """Return a value that is equal for nodes that cover the same requests by the same limits."""
    nodes = node.lineage()
    scopes = [other.scope for other in nodes]
    return (
        node.prefix,
        frozenset(exact_paths(nodes)),
        frozenset(_pattern_of(other) for other in nodes if other.scope.pattern is not None),
        methods_of(nodes),
        hosts_of(nodes),
        *(_given(scopes, name) for name in ("directory", "files", "endpoint", "when")),
    )


def _given(scopes: Sequence[Scope], name: str) -> frozenset[Hashable]:
    return frozenset(getattr(scope, name) for scope in scopes) - {None}
