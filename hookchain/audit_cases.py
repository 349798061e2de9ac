"""What guards a route: each case that its requests can meet, found with the plan that requests go by."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

from .audit_places import Area, Places
from .audited import State
from .explain_nodes import named, opening_node
from .overlap import hosts_of
from .phases import Phase
from .plan import USER_PHASES, Guard, Plan, has_say_in_guards, switches_off
from .routes import OTHER, Route
from .scopes import covers_endpoint
from .tree import Entry, Node

WHO_PASSES = (Phase.ACCESS, Phase.AUTHEN, Phase.AUTHZ)

_OTHER_METHOD = "\0"

# Of so many conditions every combination is looked at; where there are more, nothing is decided.
_MOST_CONDITIONS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a request without a user to which certain nodes apply.

    Attributes:
        state: what that is.
        reason: why, unless it is guarded.
        guard: the options that apply.
        entries: the ACCESS, AUTHEN and AUTHZ handlers, in the order of calling.
    """

    state: State
    reason: str
    guard: Guard | None
    entries: tuple[Entry, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Met:
    """A request that meets a verdict: one example, and what it depends on.

    Attributes:
        path: the example's.
        method: the example's.
        host: the example's; None where no section goes by host.
        conditions: what must hold, and what must not.
    """

    path: str
    method: str
    host: str | None
    conditions: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Condition:
    """Something about a request that is not known before: a scope's condition, or an expression that is not decided."""

    key: object
    text: str


class Cases:
    """Finds the cases of routes, for one chain."""

    def __init__(self, plan: Plan) -> None:
        """Look through a plan."""
        self._plan = plan
        self._places = Places(plan)
        self._known: dict[tuple[Node, ...], Verdict] = {}

    def of(self, route: Route) -> dict[Verdict, list[Met]]:
        """Return the verdicts that requests to a route can meet, each with examples of all kinds.

        There are none for a place of the chain that never applies.
        """
        found: dict[Verdict, list[Met]] = {}
        for area in self._places.areas(route.paths, route.place):
            for (method, shown), host in itertools.product(self._methods_of(route), self._hosts_of(route)):
                if route.place is not None and not self._places.is_there(route.place, area, method, host):
                    continue
                for verdict, conditions in self._variants(route, area, method, host):
                    met = Met(area.example, shown, (host or OTHER) if self._places.hosts or host else None, conditions)
                    found.setdefault(verdict, []).append(met)
        if not found and route.place is None:
            reason = "nobody gets there: no request has such a path when it has been normalised"
            found[Verdict("closed", reason, None, ())] = [Met(route.path, OTHER, None, ())]
        return found

    def _methods_of(self, route: Route) -> list[tuple[str, str]]:
        """The methods to be looked at, and what they are called."""
        if route.kind == "websocket":
            return [("GET", "WEBSOCKET")]
        if route.methods is None:
            return [*((name, name) for name in sorted(self._places.methods)), (_OTHER_METHOD, OTHER)]
        return [(name, name) for name in sorted(route.methods)]

    def _hosts_of(self, route: Route) -> list[str | None]:
        own = frozenset[str]() if route.place is None else hosts_of(route.place.lineage()) or frozenset()
        return [None, *sorted(self._places.hosts | own)]

    def _variants(
        self, route: Route, area: Area, method: str, host: str | None
    ) -> Iterator[tuple[Verdict, tuple[str, ...]]]:
        if not area.is_all:
            yield _undecided("there are too many kinds of paths to look at all of them"), ()
        asked: dict[Node, list[_Condition]] = {}
        for node in self._places.applying(area, method, host):
            conditions = _conditions_of(node, route.endpoint, area.undecided)
            if conditions is not None:
                asked[node] = conditions
        implied = self._implied(route, area)
        every = list(dict.fromkeys(itertools.chain(implied, *asked.values())))
        found: dict[Verdict, tuple[str, ...]] = {}
        for holding in _combinations(asked, every, frozenset(implied)):
            if holding is None:
                yield _undecided(f"it depends on {len(every)} conditions at once"), ()
            else:
                applying = [node for node, wanted in asked.items() if holding.issuperset(wanted)]
                told = tuple(("" if each in holding else "not ") + each.text for each in every)
                found.setdefault(self._verdict(applying), told)
        for verdict, told in found.items():
            yield verdict, told if len(found) > 1 else tuple(each.text for each in implied)

    def _implied(self, route: Route, area: Area) -> list[_Condition]:
        """What holds for every request to a place of the chain itself."""
        found = None if route.place is None else _conditions_of(route.place, route.endpoint, area.undecided)
        return found or []

    def _verdict(self, nodes: Sequence[Node]) -> Verdict:
        key = tuple(sorted(nodes, key=lambda node: node.key))
        verdict = self._known.get(key)
        if verdict is None:
            verdict = self._known[key] = _verdict_of(self._plan, key)
        return verdict


def _combinations(
    asked: Mapping[Node, Sequence[_Condition]], every: Sequence[_Condition], implied: frozenset[_Condition]
) -> Iterator[frozenset[_Condition] | None]:
    """The conditions that may hold together, with those that always do; None for more ways than can be looked at.

    Of ACCESS handlers it matters only whether there are any, so that all of their conditions hold, or none.
    """
    decisive = {each for node, conditions in asked.items() if has_say_in_guards(node) for each in conditions} - implied
    if len(decisive) > _MOST_CONDITIONS:
        yield None
        return
    others = frozenset(every) - decisive - implied
    ordered = [each for each in every if each in decisive]
    for size in range(len(ordered), -1, -1):
        for holding in itertools.combinations(ordered, size):
            yield implied.union(holding, others)
            if others:
                yield implied.union(holding)


def _conditions_of(node: Node, endpoint: str | None, undecided: frozenset[Node]) -> list[_Condition] | None:
    """What has to hold for a node to apply; None where it is known that it does not."""
    found: list[_Condition] = []
    for around in node.lineage():
        scope = around.scope
        if scope.endpoint is not None and endpoint is not None and not covers_endpoint(scope.endpoint, endpoint):
            return None
        if around in undecided and scope.pattern is not None:
            found.append(_Condition(around, f"~ {scope.pattern.pattern}"))
        for name in ("directory", "files", "endpoint", "when"):
            value = getattr(scope, name)
            if value is not None and (name != "endpoint" or endpoint is None):
                shown = getattr(value, "__qualname__", value)
                found.append(_Condition((name, value), f"{name}={shown}"))
    return found


def _verdict_of(plan: Plan, nodes: Sequence[Node]) -> Verdict:
    guard = plan.guard_of(nodes)
    entries = {phase: plan.entries_of(phase, nodes) for phase in WHO_PASSES}
    state, reason = _judged(guard, entries[Phase.ACCESS], entries[Phase.AUTHZ], nodes)
    if state == "unguarded" and not guard.guarded:
        reason = _switched_off(nodes) or reason
    return Verdict(state, reason, guard, tuple(itertools.chain.from_iterable(entries.values())))


def _judged(guard: Guard, access: Sequence[Entry], authz: Sequence[Entry], nodes: Sequence[Node]) -> tuple[State, str]:
    """Say what becomes of a request for which no AUTHEN handler found a user, as ``guards.guards`` has it."""
    if guard.public:
        return "public", f"{named(opening_node(nodes))} is public"
    if guard.guarded:
        return _judged_guarded(guard, access, authz)
    if guard.closed:
        return "closed", "403 for everybody: the chain is closed, and this is neither guarded nor public"
    return "unguarded", f"no AUTHEN or AUTHZ handler applies{', ACCESS ones alone' if access else ''}"


def _judged_guarded(guard: Guard, access: Sequence[Entry], authz: Sequence[Entry]) -> tuple[State, str]:
    if guard.satisfy == "any" and access:
        return "partial", 'passing ACCESS is enough, as satisfy is "any"'
    if guard.authentication == "optional":
        if authz:
            return "partial", "authentication is optional: AUTHZ handlers decide about requests without a user"
        return "unguarded", "authentication is optional: requests without a user go on"
    return "guarded", ""


def _switched_off(nodes: Sequence[Node]) -> str:
    """Say which section takes the guards away that would apply."""
    guards = [entry for node in nodes for entry in node.entries if entry.kind in USER_PHASES]
    told = (
        f"{named(node)} says without {entry.handler.name}"
        for entry, node in itertools.product(guards, nodes)
        if switches_off(node, entry)
    )
    return next(told, "")


def _undecided(reason: str) -> Verdict:
    return Verdict("unguarded", f"it can't be decided: {reason}", None, ())
