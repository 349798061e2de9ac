"""What can be wrong with sections, their scopes and their options."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from . import paths
from .check_order import kind_name, name_hint, names, origins, where
from .declarations import Reference, reference_name, refers_to
from .exceptions import Problem
from .overlap import contradiction, extent, have_nothing_in_common
from .phases import Phase
from .plan import USER_PHASES
from .tree import Entry, Node, Tree

_BEFORE_LATE_SCOPES = (Phase.POST_READ_REQUEST, Phase.TRANS, Phase.MAP_TO_STORAGE)


def duplicates(tree: Tree) -> Iterator[Problem]:
    """Find functions that are registered twice for one phase and scope, by way of several sections or chains."""
    seen: dict[Hashable, list[Entry]] = {}
    for entry in tree.entries:
        group = seen.setdefault((entry.kind, entry.declaration.is_init, extent(entry.node)), [])
        first = next((other for other in group if _is_twin(other, entry)), None)
        group.append(entry)
        if first is not None:
            yield Problem(
                "duplicate",
                f"{kind_name(entry.kind)}: {entry.handler.name} is registered twice for {where(entry.node)}",
                "Register, load or include it once, or say allow_duplicate=True.",
                origins(entry, first.node, entry.node),
            )


def _is_twin(one: Entry, other: Entry) -> bool:
    allowed = one.declaration.allow_duplicate or other.declaration.allow_duplicate
    return not allowed and bool(one.handler.function == other.handler.function)


def guards_of_public_sections(tree: Tree) -> Iterator[Problem]:
    """Find AUTHEN and AUTHZ handlers that are registered where none is called."""
    for entry in tree.entries:
        owner = entry.node.parent if entry.node.is_handler_scope and entry.node.parent else entry.node
        if entry.kind in USER_PHASES and owner.options.public:
            yield Problem(
                "public-guarded",
                f"{kind_name(entry.kind)}: {entry.handler.name} is registered in {where(owner)}, which is public",
                "Take public=True back, or register the handler on a section inside.",
                origins(entry, owner),
            )


def unclear_without(tree: Tree) -> Iterator[Problem]:
    """Find ``without`` that names no handler of an outer section, or more than one."""
    for node in tree.nodes:
        if not node.options.without:
            continue  # with thousands of sections, to look at each pair of them would take minutes
        outer = [entry for entry in tree.entries if entry.node.key < node.key]
        around = [entry for entry in outer if not have_nothing_in_common(entry.node, node)]
        for reference in node.options.without:
            found = [entry for entry in around if refers_to(reference, entry.handler)]
            if not found:
                yield _unknown_without(tree, node, reference, around)
            elif any(entry.handler.function != found[0].handler.function for entry in found):
                yield Problem(
                    "without-ambiguous",
                    f"without={reference_name(reference)} of {where(node)}: several handlers are called so",
                    "Give the function, or register each handler with a name= of its own.",
                    origins(node, *found),
                )


def _unknown_without(tree: Tree, node: Node, reference: Reference, around: Sequence[Entry]) -> Problem:
    elsewhere = [entry for entry in tree.entries if refers_to(reference, entry.handler)]
    stands = f", but in {where(elsewhere[0].node)}" if elsewhere else name_hint(reference, around)
    return Problem(
        "without-unknown",
        f"without={reference_name(reference)} of {where(node)}: no such handler in an outer section{stands}",
        "Name a handler that is registered further out.",
        origins(node, *elsewhere),
    )


# --- warnings


def unreachable(tree: Tree) -> Iterator[Problem]:
    """Find what can never be reached: sections that contradict those around them, and scopes known too late."""
    for node in tree.nodes:
        why = contradiction(node.lineage())
        if why is not None and (node.parent is None or contradiction(node.parent.lineage()) is None):
            inside = [entry for entry in tree.entries if node in entry.node.lineage()]
            said = f": {names(inside)} can never be called" if inside else ""
            yield Problem(
                "unreachable",
                f"{where(node)} never applies, as inside of what is around it {why}{said}",
                "Widen the scope of one of them, or move the inner one out.",
                origins(*node.lineage()[1:], *inside),
            )
    for entry in tree.entries:
        if entry.kind in _BEFORE_LATE_SCOPES and entry.node.has_late_conditions:
            yield Problem(
                "unreachable",
                f"{kind_name(entry.kind)}: {entry.handler.name} can never be called: directory, files and endpoint "
                "are known from HEADER_PARSER on",
                "Register it outside, or for a later phase.",
                origins(entry, entry.node),
            )


def repeated_locations(tree: Tree) -> Iterator[Problem]:
    """Find nested locations that begin with the location around them."""
    for node in tree.nodes:
        location, around = node.scope.location, node.parent.prefix if node.parent else "/"
        if location is not None and around != "/" and around in paths.prefixes(location):
            inner = location.removeprefix(around) or "/"
            yield Problem(
                "repeated-location",
                f"the location {location!r} inside of {around!r} stands for {node.prefix!r}",
                f"Locations count from the section around them: write {inner!r}, if that is meant.",
                origins(*node.lineage()[1:]),
            )


def endpoint_scopes(tree: Tree) -> Iterator[Problem]:
    """Find scopes that apply in places with named routes only."""
    for node in tree.nodes:
        if node.scope.endpoint is not None:
            yield Problem(
                "endpoint-scope",
                f"endpoint={node.scope.endpoint!r} applies in Flask and Django only, as other places have no routes",
                "Use a location where the chain runs anywhere else.",
                origins(node),
            )
