"""Plan: the immutable answer to "what applies here?"; dispatch, explain and audit read only this."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from .choice import Choice
from .declarations import ERROR_STATUSES, ErrorDocument, Filter, Kind
from .handlers import Handler
from .order import arrange
from .phases import Phase, Policy
from .prefixes import Prefix, prefixes_of
from .request import Request
from .runs import Run
from .scopes import canonical_host
from .tree import Entry, Node, Tree

Key: TypeAlias = str | tuple[str, str, str | None]
"""A path, with method and host where sections go by those."""

USER_PHASES: tuple[Kind, ...] = (Phase.AUTHEN, Phase.AUTHZ)
_EARLY: tuple[Kind, ...] = (Phase.POST_READ_REQUEST, Phase.TRANS, Phase.MAP_TO_STORAGE)

# How many paths a plan remembers. A client can make up any number of them.
_REMEMBERED_PATHS = 4096
_LONGEST_REMEMBERED = 512


class Guard(NamedTuple):
    """How a request is guarded. Two requests to which exactly the same sections apply share one.

    Attributes:
        guarded: whether an AUTHEN or AUTHZ handler applies.
        public: whether a public section applies that no inner guard closes again.
        closed: whether a request that is neither is refused.
        satisfy: "all" or "any".
        authentication: "required" or "optional".
        authorization: "any" or "all".
        challenge: for WWW-Authenticate with 401.
    """

    guarded: bool
    public: bool
    closed: bool
    satisfy: Literal["all", "any"]
    authentication: Literal["required", "optional"]
    authorization: Literal["any", "all"]
    challenge: tuple[str, ...]


class Selection:
    """What applies to the requests that a set of nodes covers; made once for each such set.

    Attributes:
        nodes: the nodes, outermost first.
        runs: for each phase what is called.
        guard: how requests are guarded.
        sections: the nodes that are sections; a handler's own location is one where the handler is a guard.
        documents: the error documents, innermost first.
        output_filters: in order.
        filters_at_once: whether they can be called one after the other, without a driver.
        input_filters: likewise.
        uses_hosts: whether any section of the chain goes by host.
        other_methods: methods of content handlers for the same path that do not take this method.
        routes: what the cycle has found out about all requests that it is for.
        routes_of_bodies: likewise, about those with a body.
        ending: likewise, about their end.
    """

    def __init__(self, plan: Plan, nodes: Sequence[Node], other_methods: frozenset[str]) -> None:
        """Prepare all that a request may ask for."""
        self.nodes = tuple(nodes)
        self.other_methods = other_methods
        self.uses_hosts = plan.uses_hosts
        self.runs: Mapping[Phase, Choice[Run]] = {phase: self._run_choice(plan, phase) for phase in Phase}
        self.guard = Choice(nodes, has_say_in_guards, plan.guard_of)
        self.sections = Choice(nodes, _is_section, lambda nodes: tuple(filter(_is_section, nodes)))
        self.documents = Choice(nodes, lambda node: bool(node.error_documents), _documents_of)
        self.output_filters = self._filter_choice(plan, Filter.OUTPUT)
        self.filters_at_once = not self.output_filters.conditional and not any(
            handler.is_async for handler in self.output_filters.fixed
        )
        self.input_filters = self._filter_choice(plan, Filter.INPUT)
        self._options = Choice(nodes, lambda node: bool(node.options.options), _options_of)
        self.routes: dict[Any, Any] = {}
        self.routes_of_bodies: dict[Any, Any] = {}
        self._patterned = tuple(node for node in nodes if node.pattern is not None)
        self.ending: Any = None

    def _run_choice(self, plan: Plan, phase: Phase) -> Choice[Run]:
        return Choice(
            self.nodes,
            has_say_in_guards if phase in USER_PHASES else lambda node: _has_say_in(phase, node),
            lambda nodes: plan.run_of(phase, nodes),
            early=phase in _EARLY,
        )

    def _filter_choice(self, plan: Plan, kind: Filter) -> Choice[tuple[Handler, ...]]:
        return Choice(
            self.nodes,
            lambda node: _has_say_in(kind, node),
            lambda nodes: tuple(entry.handler for entry in plan.entries_of(kind, nodes)),
        )

    def options(self, req: Request) -> Mapping[str, Any]:
        """Return the merged ``options`` mappings."""
        return self._options.call(req)

    def path_params(self, path: str) -> dict[str, str]:
        """Return the named groups of the nodes' regular expressions; inner ones win."""
        return {name: value for node in self._patterned for name, value in node.path_params(path).items()}


def _has_say_in(kind: Kind, node: Node) -> bool:
    return bool(node.options.without) or any(entry.kind is kind for entry in node.entries)


def has_say_in_guards(node: Node) -> bool:
    """Tell whether a node may change how a request is guarded: by its AUTHEN and AUTHZ handlers or its options."""
    return node.options.guards or node.closed or any(_has_say_in(kind, node) for kind in USER_PHASES)


def has_say_in_who_passes(node: Node) -> bool:
    """Tell whether a node may change who is let through: by its ACCESS, AUTHEN and AUTHZ handlers or its options."""
    return has_say_in_guards(node) or _has_say_in(Phase.ACCESS, node)


def _is_section(node: Node) -> bool:
    return not node.is_handler_scope or any(_has_say_in(kind, node) for kind in (Phase.ACCESS, *USER_PHASES))


def _documents_of(nodes: Sequence[Node]) -> tuple[ErrorDocument, ...]:
    # In one place the later wins, but one for all errors comes after those for some.
    return tuple(
        document
        for node in reversed(nodes)
        for is_for_all in (False, True)
        for document in reversed(node.error_documents)
        if (document.statuses == ERROR_STATUSES) is is_for_all
    )


def _options_of(nodes: Sequence[Node]) -> Mapping[str, Any]:
    merged: dict[str, Any] = {}
    for node in nodes:
        merged.update(node.options.options)
    return MappingProxyType(merged)


class Plan:
    """A compiled chain: finds the Selection for a request.

    Attributes:
        known: what was found, by path alone where sections go by nothing else, so that nobody need ask further.

    A request changes nothing here but two dictionaries and the prefixes, which remember what was found; all of that
    is only ever added to or replaced, so that no lock is needed.
    """

    def __init__(self, tree: Tree) -> None:
        """Index the nodes by their location and the order constraints by entry."""
        self.tree = tree
        self._earlier = constraints(tree.entries)
        self._prefixes = prefixes_of(tree.nodes)
        self.uses_hosts = any(node.scope.hosts is not None for node in tree.nodes)
        self._uses_methods = any(node.scope.methods is not None for node in tree.nodes)
        self._has_patterns = any(node.scope.pattern is not None for node in tree.nodes)
        self._goes_by_path = not (self.uses_hosts or self._uses_methods or self._has_patterns)
        self._selections: dict[tuple[tuple[Node, ...], frozenset[str]], Selection] = {}
        self.known: dict[Key, Selection] = {}

    def select(self, req: Request) -> Selection:
        """Find what applies to a request's path, method and host, and set its ``path_params``."""
        path = req.canonical_path
        key = path if self._goes_by_path else (path, req.method, self.host_of(req))
        selection = self.known.get(key)
        if selection is None:
            selection = self.find(path, req.method, self.host_of(req))
            self._remember(key, path, selection)
        if self._has_patterns:
            req.path_params = selection.path_params(path)
        return selection

    def host_of(self, req: Request) -> str | None:
        """Return the host that sections are matched with; None where none of them asks."""
        if not self.uses_hosts:
            return None
        hosts = req.headers.getlist("Host")
        return canonical_host(hosts[0]) if len(hosts) == 1 else None

    def _remember(self, key: Key, path: str, selection: Selection) -> None:
        if len(path) > _LONGEST_REMEMBERED:
            return
        if len(self.known) >= _REMEMBERED_PATHS:
            self.known = {}
        self.known[key] = selection

    def find(self, path: str, method: str, host: str | None) -> Selection:
        """Find what applies, without a request.

        Args:
            path: the one path.
            method: in capital letters.
            host: as ``host_of`` returns it.

        Returns:
            The selection, which all requests share to which the same nodes apply.
        """
        prefix = self._prefixes.longest_of(path)
        return prefix.selection or self._find_among(prefix, path, method, host)

    def _find_among(self, prefix: Prefix, path: str, method: str, host: str | None) -> Selection:
        candidates = prefix.candidates()
        nodes = sorted((node for node in candidates if node.covers(path, method, host)), key=lambda node: node.key)
        others: frozenset[str] = frozenset()
        if self._uses_methods and not any(_has_content(node) for node in nodes):
            others = _other_methods(candidates, path, method, host)
        key = (tuple(nodes), others)
        selection = self._selections.get(key)
        if selection is None:
            selection = self._selections[key] = Selection(self, nodes, others)
        if all(node.goes_by_prefix for node in candidates):
            prefix.selection = selection
        return selection

    def entries_of(self, kind: Kind, nodes: Sequence[Node]) -> list[Entry]:
        """Return the entries of a phase that apply where these nodes do, in the order of calling.

        Args:
            kind: the phase, or the kind of filter.
            nodes: outermost first.

        Returns:
            The entries; none of AUTHEN and AUTHZ where a public section applies.
        """
        entries = self.present(kind, nodes)
        if kind in USER_PHASES and self.is_public(nodes):
            return []
        return self.ordered(kind, entries)

    def ordered(self, kind: Kind, entries: Iterable[Entry]) -> list[Entry]:
        """Put entries of one phase in the order of calling."""
        ranked = self.ranked(kind, entries)
        if not any(entry in self._earlier for entry in ranked):
            return ranked
        among = set(ranked)
        return arrange(ranked, lambda entry: self.earlier_than(entry) & among)

    def ranked(self, kind: Kind, entries: Iterable[Entry]) -> list[Entry]:
        """Put entries of one phase in the order that they have where none says before, after or requires."""
        return sorted(entries, key=_rank_outermost_first if _outermost_first(kind) else _rank_innermost_first)

    def earlier_than(self, entry: Entry) -> frozenset[Entry]:
        """Return the entries of the same phase that must come before this one, where they are present."""
        return self._earlier.get(entry, frozenset())

    def present(self, kind: Kind, nodes: Sequence[Node]) -> list[Entry]:
        """Find the entries of a phase that no inner node's ``without`` switches off.

        Args:
            kind: the phase, or the kind of filter.
            nodes: outermost first.

        Returns:
            The entries in these nodes, in the order in which they were declared.
        """
        entries = [entry for node in nodes for entry in node.entries if entry.kind is kind]
        switches = [node for node in nodes if node.options.without]
        return [entry for entry in entries if not any(switches_off(node, entry) for node in switches)]

    def is_public(self, nodes: Sequence[Node]) -> bool:
        """Tell whether a public section applies that no guard of an inner one closes again."""
        innermost = max((node.key for node in nodes if node.options.public), default=None)
        return innermost is not None and not any(
            entry.node.key > innermost for kind in USER_PHASES for entry in self.present(kind, nodes)
        )

    def run_of(self, phase: Phase, nodes: Sequence[Node]) -> Run:
        """Make what is called in a phase.

        Args:
            phase: the phase.
            nodes: those that apply, outermost first.

        Returns:
            The run.
        """
        return Run(phase, [entry.handler for entry in self.entries_of(phase, nodes)])

    def guard_of(self, nodes: Sequence[Node]) -> Guard:
        """Return how requests are guarded where these nodes apply."""
        return Guard(
            guarded=any(self.entries_of(kind, nodes) for kind in USER_PHASES),
            public=self.is_public(nodes),
            closed=any(node.closed for node in nodes),
            satisfy=_innermost(nodes, "satisfy", "all"),
            authentication=_innermost(nodes, "authentication", "required"),
            authorization=_innermost(nodes, "authorization", "any"),
            challenge=_innermost(nodes, "challenge", ()),
        )


def switches_off(node: Node, entry: Entry) -> bool:
    """Tell whether a node's ``without`` names an entry of an outer node.

    Args:
        node: the node.
        entry: the entry; one of the same node or of an inner one is never switched off.

    Returns:
        Whether it does.
    """
    return entry.node.key < node.key and any(map(entry.stands_for, node.options.without))


def _innermost(nodes: Sequence[Node], option: str, default: Any) -> Any:
    for node in reversed(nodes):
        value = getattr(node.options, option)
        if value is not None:
            return value
    return default


def _outermost_first(kind: Kind) -> bool:
    return isinstance(kind, Filter) or kind.policy is not Policy.RUN_FIRST


def _rank_outermost_first(entry: Entry) -> tuple[Any, ...]:
    return (entry.declaration.order, entry.node.key, entry.sequence)


def _rank_innermost_first(entry: Entry) -> tuple[Any, ...]:
    is_pattern, segments, index = entry.node.key
    return (entry.declaration.order, not is_pattern, -segments, -index, entry.sequence)


def constraints(entries: Collection[Entry]) -> dict[Entry, frozenset[Entry]]:
    """For each entry that has such, the entries of the same phase that come before it."""
    earlier: dict[Entry, set[Entry]] = {}
    by_name: dict[object, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.handler.name, []).append(entry)
    constrained = [
        entry for entry in entries if entry.declaration.before or entry.declaration.after or entry.declaration.requires
    ]
    for entry in constrained:
        for reference in (*entry.declaration.after, *entry.declaration.requires):
            for other in referred(reference, entries, by_name):
                if other.kind is entry.kind and other is not entry:
                    earlier.setdefault(entry, set()).add(other)
        for reference in entry.declaration.before:
            for other in referred(reference, entries, by_name):
                if other.kind is entry.kind and other is not entry:
                    earlier.setdefault(other, set()).add(entry)
    return {entry: frozenset(others) for entry, others in earlier.items()}


def referred(
    reference: Any, entries: Collection[Entry], by_name: Mapping[object, Collection[Entry]]
) -> Collection[Entry]:
    """Find the entries that a name or function stands for.

    Args:
        reference: a name or a function, as in ``before=``.
        entries: all of the chain.
        by_name: the same, by the names of their handlers.

    Returns:
        The entries, of whatever phase; none where there is none.
    """
    if isinstance(reference, str):
        return by_name.get(reference, ())
    return [entry for entry in entries if entry.stands_for(reference)]


def _has_content(node: Node) -> bool:
    return any(entry.kind is Phase.CONTENT for entry in node.entries)


def _other_methods(candidates: Iterable[Node], path: str, method: str, host: str | None) -> frozenset[str]:
    """The methods that content handlers of this path take, where they do not take this one."""
    found: set[str] = set()
    for node in candidates:
        if _has_content(node):
            methods = [around.scope.methods for around in node.lineage() if around.scope.methods is not None]
            allowed: frozenset[str] = frozenset[str].intersection(*methods) if methods else frozenset()
            if method not in allowed and any(node.covers(path, other, host) for other in allowed):
                found |= allowed
    return frozenset(found)
