"""Node and Entry: the declarations of a chain, its sections and included chains, flattened into one numbered tree."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping

from . import paths
from .declarations import Declaration, ErrorDocument, Kind, Reference, SectionOptions, refers_to
from .handlers import Handler, HandlerFunction
from .phases import Phase
from .registry import Included, Registry, Section
from .scopes import Condition, Scope, as_httpd_matches, conditions_of


class Node:
    """A place that handlers can be registered in: the chain, a section, an included chain, or a handler's own scope.

    Attributes:
        index: the place in declaration order.
        parent: the node around it; None for the chain.
        scope: its own limits.
        prefix: the location as seen from the chain's root.
        key: where it stands between the others; outer ones sort before inner ones.
        entries: what is registered directly in it.
        options: its options.
        error_documents: its error documents.
        closed: whether it is a chain made with ``closed=True``.
        label: what it is called.
        origin: "file:line" of its declaration.
        conditions: what is to be asked of a request, its parents' included, when path, method and host match.
        has_late_conditions: whether one of them is known from HEADER_PARSER on only.
    """

    __slots__ = (
        "closed",
        "conditions",
        "entries",
        "error_documents",
        "has_late_conditions",
        "index",
        "is_handler_scope",
        "key",
        "label",
        "options",
        "origin",
        "parent",
        "pattern",
        "prefix",
        "scope",
    )

    def __init__(
        self,
        index: int,
        parent: Node | None,
        scope: Scope,
        *,
        options: SectionOptions | None = None,
        error_documents: Iterable[ErrorDocument] = (),
        closed: bool = False,
        label: str = "",
        origin: str = "",
        is_handler_scope: bool = False,
    ) -> None:
        """Compute what follows from the place in the tree."""
        self.index = index
        self.parent = parent
        self.scope = scope
        self.pattern = None if scope.pattern is None else as_httpd_matches(scope.pattern)
        self.entries: list[Entry] = []
        self.options = options or SectionOptions()
        self.error_documents = tuple(error_documents)
        self.closed = closed
        self.label = label
        self.origin = origin
        self.is_handler_scope = is_handler_scope
        base = "/" if parent is None else parent.prefix
        self.prefix: str = base if scope.location is None else paths.join(base, scope.location.rstrip("/") or "/")
        is_pattern = scope.pattern is not None or (parent is not None and parent.key[0])
        self.key: tuple[bool, int, int] = (is_pattern, paths.segment_count(self.prefix), index)
        self.conditions: tuple[Condition, ...] = (*(parent.conditions if parent else ()), *conditions_of(scope))
        late = scope.directory is not None or scope.files is not None or scope.endpoint is not None
        self.has_late_conditions: bool = late or (parent is not None and parent.has_late_conditions)

    def covers(self, path: str, method: str, host: str | None) -> bool:
        """Tell whether path, method and host let a request in here; conditions aside."""
        return (
            (self.parent is None or self.parent.covers(path, method, host))
            and self.covers_path(path)
            and (self.scope.methods is None or method in self.scope.methods)
            and (self.scope.hosts is None or host in self.scope.hosts)
        )

    @property
    def is_exact(self) -> bool:
        """Whether no path below its prefix is covered, as its location, or one around it, covers itself alone."""
        return self.scope.exact or (self.parent is not None and self.parent.is_exact)

    @property
    def goes_by_prefix(self) -> bool:
        """Whether it covers whatever its prefix and the nodes around it cover; conditions aside."""
        return self.pattern is None and self.scope.methods is None and self.scope.hosts is None and not self.scope.exact

    def covers_path(self, path: str) -> bool:
        """Tell whether the node's own location covers a path that its prefix covers."""
        if self.pattern is not None:
            return self.pattern.search(self.path_below(path)) is not None
        return not self.scope.exact or self.path_below(path) == self.scope.location

    def path_below(self, path: str) -> str:
        """Return the path as the node's own location sees it."""
        return paths.below(self.parent.prefix, path) if self.parent is not None else path

    def path_params(self, path: str) -> dict[str, str]:
        """Return the named groups of the regular expressions of this node and those around it."""
        params = self.parent.path_params(path) if self.parent is not None else {}
        if self.pattern is not None:
            match = self.pattern.search(self.path_below(path))
            groups = match.groupdict() if match is not None else {}
            params.update({name: value for name, value in groups.items() if value is not None})
        return params

    def lineage(self) -> list[Node]:
        """Return the nodes from the chain to this one."""
        return [*(self.parent.lineage() if self.parent is not None else ()), self]

    def describe(self) -> str:
        """Return what it is limited to, with all that is around it; for people."""
        own = self.scope._replace(
            location=self.prefix if self.scope.location is not None or self.prefix != "/" else None
        )
        around = [node.scope.describe() for node in self.lineage()[:-1] if node.scope.location is None]
        return " ".join(part for part in (*around, own.describe()) if part) or "everywhere"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A registered handler in its place.

    Attributes:
        declaration: what was declared.
        handler: what is called.
        kind: the phase (with PythonInitHandler's resolved) or the kind of filter.
        node: where it is registered.
        sequence: the place in registration order.
    """

    declaration: Declaration
    handler: Handler
    kind: Kind
    node: Node
    sequence: int

    def __str__(self) -> str:
        """Name the handler and its place."""
        return str(self.declaration)

    def stands_for(self, reference: Reference) -> bool:
        """Tell whether a name or function means this handler, or the one that it is a fake for."""
        return refers_to(reference, self.declaration.handler)


class Tree:
    """All nodes and entries of a chain.

    Attributes:
        nodes: outer ones before what stands in them, in declaration order.
        entries: in registration order.
    """

    def __init__(self, chain: Registry, *, closed: bool) -> None:
        """Flatten a chain."""
        self.nodes: list[Node] = []
        self.entries: list[Entry] = []
        root = self._node(None, Scope(), chain, closed=closed)
        self._fill(root, chain)

    def _node(self, parent: Node | None, scope: Scope, registry: Registry, *, closed: bool = False) -> Node:
        node = Node(
            len(self.nodes),
            parent,
            scope,
            options=registry.section_options,
            error_documents=registry.error_documents,
            closed=closed,
            label=registry.label,
            origin=registry.origin,
        )
        self.nodes.append(node)
        return node

    def _fill(self, node: Node, registry: Registry) -> None:
        own_scopes: dict[Scope, Node] = {}
        for item in registry.items:
            if isinstance(item, Section):
                self._fill(self._node(node, item.scope, item), item)
            elif isinstance(item, Included):
                inner = self._node(node, item.scope, item.registry, closed=getattr(item.registry, "closed", False))
                self._fill(inner, item.registry)
            else:
                self._enter(item, self._place_of(item, node, own_scopes))

    def _place_of(self, declaration: Declaration, node: Node, own_scopes: dict[Scope, Node]) -> Node:
        if declaration.scope.is_empty:
            return node
        # Handlers with equal scopes share a node, so that among them registration order decides.
        place = own_scopes.get(declaration.scope)
        if place is None:
            place = own_scopes[declaration.scope] = Node(
                len(self.nodes),
                node,
                declaration.scope,
                label=declaration.scope.describe(),
                origin=declaration.handler.origin,
                is_handler_scope=True,
            )
            self.nodes.append(place)
        return place

    def _enter(self, declaration: Declaration, node: Node) -> None:
        kind, handler = declaration.kind, declaration.handler
        if declaration.is_init and node.parent is not None:
            kind = Phase.HEADER_PARSER
            handler = Handler(
                handler.function, kind, name=handler.name, blocking=handler.blocking, origin=handler.origin
            )
        entry = Entry(declaration, handler, kind, node, len(self.entries))
        node.entries.append(entry)
        self.entries.append(entry)

    def with_handlers(self, fakes: Mapping[Entry, HandlerFunction]) -> Tree:
        """Return the same tree with other functions in the place of some handlers."""
        swapped = {
            entry: dataclasses.replace(
                entry,
                handler=Handler(
                    function, entry.handler.phase, name=entry.handler.name, blocking=entry.handler.blocking
                ),
            )
            for entry, function in fakes.items()
        }
        copies: dict[Node, Node] = {}
        for node in self.nodes:
            copies[node] = copied = copy.copy(node)
            copied.parent = None if node.parent is None else copies[node.parent]
            copied.entries = []
        tree = copy.copy(self)
        tree.nodes = list(copies.values())
        tree.entries = []
        for entry in self.entries:
            moved = dataclasses.replace(swapped.get(entry, entry), node=copies[entry.node])
            moved.node.entries.append(moved)
            tree.entries.append(moved)
        return tree
