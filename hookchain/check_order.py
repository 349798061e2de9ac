"""What can be wrong with ``before``, ``after`` and ``requires``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from .declarations import Filter, Kind, Reference, reference_name, refers_to
from .exceptions import Problem, nearest_name
from .order import OrderCycleError, arrange
from .overlap import covers_all_of, have_nothing_in_common
from .phases import Phase
from .plan import USER_PHASES, constraints, switches_off
from .tree import Entry, Node, Tree

_POSITIONS: Mapping[Kind, int] = {phase: position for position, phase in enumerate(Phase)}


def kind_name(kind: Kind) -> str:
    """Return how a phase or kind of filter is called in messages."""
    return kind.value if isinstance(kind, Filter) else kind.name


def name_hint(reference: Reference, entries: Collection[Entry]) -> str:
    """Return " (did you mean ...?)" for a name that no entry has."""
    if not isinstance(reference, str):
        return ""
    # The modules' part, which names mostly have in common, would make any two look alike.
    known = {_last_part(entry.handler.name): entry.handler.name for entry in entries}
    nearest = nearest_name(_last_part(reference), known)
    return f" (did you mean {known[nearest]!r}?)" if nearest else ""


def _last_part(name: str) -> str:
    return name.replace(":", ".").rpartition(".")[2]


def where(node: Node) -> str:
    """Return how a section is called in messages: by what it is limited to, the chain by its name."""
    said = node.describe()
    return f"the chain {node.lineage()[0].label!r}" if said == "everywhere" else said


def origins(*things: Entry | Node) -> tuple[str, ...]:
    """Return the places of declarations, each once."""
    found = (thing.origin if isinstance(thing, Node) else thing.handler.origin for thing in things)
    return tuple(dict.fromkeys(found))


def names(entries: Collection[Entry]) -> str:
    """Return the names of handlers, each once."""
    return ", ".join(dict.fromkeys(entry.handler.name for entry in entries))


# --- cycles


def cycles(tree: Tree) -> Iterator[Problem]:
    """Find orders that contradict each other, in each phase."""
    earlier = constraints(tree.entries)
    for kind in (*Phase, *Filter):
        entries = [entry for entry in tree.entries if entry.kind is kind]
        yield from (_cycle_problem(kind, (entry, entry)) for entry in entries if _refers_to_itself(entry, entries))
        yield from (_cycle_problem(kind, cycle) for cycle in _cycles(entries, earlier))


def _refers_to_itself(entry: Entry, entries: Collection[Entry]) -> bool:
    declaration = entry.declaration
    return any(
        [other for other in entries if refers_to(reference, other.handler)] == [entry]
        for reference in (*declaration.before, *declaration.after, *declaration.requires)
    )


def _cycles(entries: Sequence[Entry], earlier: Mapping[Entry, Collection[Entry]]) -> Iterator[tuple[Entry, ...]]:
    """Yield cycles that have no entry in common, each in the order of calling."""
    left = dict.fromkeys(entries)
    while True:
        try:
            arrange(list(left), lambda entry: [other for other in earlier.get(entry, ()) if other in left])
        except OrderCycleError as error:
            cycle = tuple(entry for entry in reversed(error.cycle) if isinstance(entry, Entry))
            yield cycle
            for entry in cycle[1:]:
                del left[entry]
        else:
            return


def _cycle_problem(kind: Kind, cycle: Sequence[Entry]) -> Problem:
    links = [_links(*pair) for pair in pairwise(cycle)]
    needs = any(all(link.startswith("requires") for link in reasons) for reasons in links)
    drawn = " -> ".join(entry.handler.name for entry in cycle)
    said = ", ".join(link for reasons in links for link in reasons)
    return Problem(
        "requires-order" if needs else "order-cycle",
        f"{kind_name(kind)}: the declared order runs in a circle, each before the next: {drawn}",
        f"Take back one of these: {said}.",
        origins(*cycle),
    )


def _links(first: Entry, second: Entry) -> list[str]:
    """Say what makes one entry come before another: "before='b' of a"."""
    causes = (
        ("before", first, second),
        ("after", second, first),
        ("requires", second, first),
    )
    return [
        f"{key}={reference_name(reference)} of {entry.handler.name}"
        for key, entry, other in causes
        for reference in getattr(entry.declaration, key)
        if refers_to(reference, other.handler)
    ]


# --- requirements


def unmet_requirements(tree: Tree) -> Iterator[Problem]:
    """Find handlers whose ``requires`` is not there, comes too late, or is not called wherever they are."""
    for entry in tree.entries:
        for reference in entry.declaration.requires:
            named = [other for other in tree.entries if refers_to(reference, other.handler)]
            others = [other for other in named if other is not entry]
            problem = _unmet(tree, entry, reference, others) if others or not named else None
            if problem is not None:
                yield problem


def _unmet(tree: Tree, entry: Entry, reference: Reference, others: Sequence[Entry]) -> Problem | None:
    wanted = f"{kind_name(entry.kind)}: {entry.handler.name} requires {reference_name(reference)}"
    if not others:
        why = f"which is not registered{name_hint(reference, tree.entries)}"
        return _unmet_problem(f"{wanted}, {why}", "Register it, or take the requirement back.", entry)
    in_time = [other for other in others if _comes_in_time(other, entry)]
    if not in_time:
        phases = ", ".join(dict.fromkeys(kind_name(other.kind) for other in others))
        return _unmet_problem(
            f"{wanted}, which is registered for {phases}",
            "Require what runs in this or an earlier phase.",
            entry,
            *others,
        )
    obstacles = [_obstacle(tree, other, entry) for other in in_time]
    if None in obstacles:
        return None
    said = "; ".join(message for message, _ in filter(None, obstacles))
    places = [node for _, nodes in filter(None, obstacles) for node in nodes]
    return _unmet_problem(
        f"{wanted}, which is not called everywhere that {entry.handler.name} is: {said}",
        "Register both for the same scope, or the required one for a wider one.",
        entry,
        *in_time,
        *places,
    )


def _unmet_problem(message: str, remedy: str, *places: Entry | Node) -> Problem:
    return Problem("requires-unmet", message, remedy, origins(*places))


def _comes_in_time(required: Entry, entry: Entry) -> bool:
    if required.kind is entry.kind:
        return True
    if required.kind not in _POSITIONS or entry.kind not in _POSITIONS:
        return False
    return _POSITIONS[required.kind] < _POSITIONS[entry.kind]


def _obstacle(tree: Tree, required: Entry, entry: Entry) -> tuple[str, list[Node]] | None:
    """Say where a required handler is not called though the one that requires it is; None where that is nowhere."""
    if not covers_all_of(required.node, entry.node):
        return f"it is registered in {where(required.node)}, the other in {where(entry.node)}", []
    for node in tree.nodes:
        parts_them = switches_off(node, required) and not switches_off(node, entry)
        if parts_them and not have_nothing_in_common(node, entry.node):
            return f"{where(node)} switches it off by without=", [node]
    public = _public_around(entry)
    if required.kind in USER_PHASES and public is not None and required.node.key < public.key:
        return f"{where(public)} is public", [public]
    return None


def _public_around(entry: Entry) -> Node | None:
    """Return the innermost public section that an entry stands in, unless a guard inside closes it again."""
    for node in reversed(entry.node.lineage()):
        if node.options.public:
            return node
        if any(other.kind in USER_PHASES for other in node.entries):
            return None
    return None


# --- warnings


def unknown_order(tree: Tree) -> Iterator[Problem]:
    """Find ``before`` and ``after`` that name no handler of the phase, which is allowed."""
    for entry in tree.entries:
        for key in ("before", "after"):
            for reference in getattr(entry.declaration, key):
                others = [other for other in tree.entries if refers_to(reference, other.handler)]
                if not any(other.kind is entry.kind for other in others):
                    yield _unknown(tree, entry, f"{key}={reference_name(reference)}", reference, others)


def _unknown(tree: Tree, entry: Entry, said: str, reference: Reference, others: Sequence[Entry]) -> Problem:
    kind = kind_name(entry.kind)
    same_phase = [other for other in tree.entries if other.kind is entry.kind and other is not entry]
    why = f"it is registered for {kind_name(others[0].kind)}" if others else "no handler is called so"
    return Problem(
        "order-unknown",
        f"{kind}: {said} of {entry.handler.name} has no effect: {why}{name_hint(reference, same_phase)}",
        f"Name a handler of {kind}, or leave {said} where that handler is registered in some places only.",
        origins(entry, *others),
    )
