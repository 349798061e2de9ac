"""The audit of an app: every route with the handlers that guard it, without sending a request."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .audit_cases import WHO_PASSES, Cases, Met, Verdict
from .audited import STATES, Audit, AuditedRoute, Case, Guardian, State
from .chain_routes import with_chain
from .explain_nodes import conditions_of_node, place_of
from .languages import END, Language, sequence, union
from .phases import Phase
from .routes import (
    OTHER,
    Kind,
    Mounted,
    Route,
    Surface,
    containing,
    either,
    joined,
    literal,
    matching,
    name_of_app,
    rest_of_path,
    source_of,
    unknown_app,
)
from .surfaces import NoSurfaceError, beside, dispatched, surface_of
from .tree import Entry

__all__ = [
    "Audit",
    "AuditedRoute",
    "Case",
    "Guardian",
    "Kind",
    "Language",
    "Mounted",
    "NoSurfaceError",
    "Route",
    "State",
    "Surface",
    "audit",
    "beside",
    "containing",
    "dispatched",
    "either",
    "joined",
    "literal",
    "matching",
    "name_of_app",
    "rest_of_path",
    "source_of",
    "unknown_app",
    "with_chain",
]

_STRENGTH: tuple[State, ...] = ("unguarded", "partial", "public", "closed", "guarded")


def audit(app: object) -> Audit:
    """List every route of an app with the handlers that guard it.

    Args:
        app: a Flask, Starlette or FastAPI app, Django's WSGI or ASGI application, what ``hooks.wsgi(app)`` or
            ``hooks.asgi(app)`` gave, a chain, or a Surface that describes any other app.

    Returns:
        The Audit.

    Raises:
        CompileError: a chain is wrong.
        NoSurfaceError: it is none of these.
    """
    surface = app if isinstance(app, Surface) else surface_of(app)
    notes: dict[str, None] = {}
    audited = list(_audited(surface, (), notes))
    audited.sort(key=lambda route: STATES.index(route.state))
    return Audit(surface.name, tuple(audited), tuple(notes))


# --- from surfaces to routes


@dataclasses.dataclass(frozen=True, slots=True)
class _Layer:
    """A chain before a surface.

    Attributes:
        cases: what finds its cases.
        paths: what stands before the paths of the surface's routes, as the chain sees them.
        knows_endpoints: whether it knows the endpoints of the surface's routes.
        is_bare: see ``Mounted``.
    """

    cases: Cases
    paths: Language
    knows_endpoints: bool
    is_bare: bool = False


def _audited(
    surface: Surface, layers: Sequence[_Layer], notes: dict[str, None], path: str = ""
) -> Iterator[AuditedRoute]:
    notes.update(dict.fromkeys(surface.notes))
    if surface.chain is not None:
        layers = [*layers, _Layer(Cases(surface.chain.plan), END, surface.knows_endpoints)]
    for route in surface.routes:
        audited = _by_each(route, path + route.path, layers, surface.unguarded)
        if audited[-1].cases:  # else it is a place of the chain, the innermost one, that never applies
            yield max(audited, key=lambda each: _STRENGTH.index(each.state))
    for mounted in surface.mounts:
        yield from _audited(mounted.surface, [_below(layer, mounted) for layer in layers], notes, path + mounted.path)


def _below(layer: _Layer, mounted: Mounted) -> _Layer:
    is_bare = layer.is_bare if mounted.paths == END else mounted.is_bare
    return _Layer(layer.cases, sequence(layer.paths, mounted.paths), knows_endpoints=False, is_bare=is_bare)


def _by_each(route: Route, path: str, layers: Sequence[_Layer], unguarded: str) -> list[AuditedRoute]:
    """Audit a route by each chain that its requests pass; without one, it is unguarded."""
    if not layers:
        reason = unguarded or "no chain stands before it"
        met = [Met(path, method, None, ()) for method in _methods_of(route)]
        return [_route(route, path, {Verdict("unguarded", reason, None, ()): met})]
    found: list[AuditedRoute] = []
    for layer in layers:
        endpoint = route.endpoint if layer.knows_endpoints else None
        paths = sequence(layer.paths, route.paths)
        if layer.is_bare and route.paths.after("/").has_end:
            paths = union((paths, layer.paths))
        place = route.place if layer is layers[-1] else None
        seen = dataclasses.replace(route, paths=paths, endpoint=endpoint, place=place)
        found.append(_route(route, path, layer.cases.of(seen)))
    return found


def _methods_of(route: Route) -> tuple[str, ...]:
    if route.kind == "websocket":
        return ("WEBSOCKET",)
    return (OTHER,) if route.methods is None else tuple(sorted(route.methods))


def _route(route: Route, path: str, found: Mapping[Verdict, Sequence[Met]]) -> AuditedRoute:
    cases = sorted((_case(verdict, met) for verdict, met in found.items()), key=lambda case: STATES.index(case.state))
    return AuditedRoute(
        state=_worst({case.state for case in cases}),
        path=path,
        methods=_methods_of(route),
        kind=route.kind,
        name=route.name,
        source=route.source,
        handlers=tuple(_guardians(found)),
        cases=tuple(cases),
    )


def _worst(states: set[State]) -> State:
    if "unguarded" in states:
        return "partial" if states & {"guarded", "partial"} else "unguarded"
    # Where nobody gets through, nothing is lost: a guard elsewhere is what the route is known by.
    order: tuple[State, ...] = ("partial", "public", "guarded")
    for state in order:
        if state in states:
            return state
    return "closed"


def _case(verdict: Verdict, met: Sequence[Met]) -> Case:
    first = met[0]
    case = Case(
        state=verdict.state,
        reason=verdict.reason,
        methods=tuple(dict.fromkeys(each.method for each in met)),
        hosts=tuple(dict.fromkeys(each.host for each in met if each.host is not None)),
        path=first.path,
        conditions=first.conditions,
        handlers=tuple(entry.handler.name for entry in verdict.entries),
    )
    if verdict.guard is None:
        return case
    guard = verdict.guard
    return dataclasses.replace(
        case, satisfy=guard.satisfy, authentication=guard.authentication, authorization=guard.authorization
    )


def _guardians(found: Iterable[Verdict]) -> Iterator[Guardian]:
    """The handlers of all cases, by phase."""
    verdicts = list(found)
    entries = dict.fromkeys(itertools.chain.from_iterable(verdict.entries for verdict in verdicts))
    for phase, entry in itertools.product(WHO_PASSES, entries):
        if entry.kind is phase:
            yield Guardian(
                phase=phase.name,
                name=entry.handler.name,
                section=place_of(entry.node),
                origin=entry.handler.origin,
                section_origin=entry.node.origin,
                conditions=conditions_of_node(entry.node),
                is_partial=any(entry not in verdict.entries for verdict in verdicts),
                only_if_declines=next(filter(None, (_inner(entry, verdict) for verdict in verdicts)), None),
            )


def _inner(entry: Entry, verdict: Verdict) -> str | None:
    """The AUTHZ handler of an inner section that is asked before this one, and whose OK is enough."""
    if verdict.guard is None or verdict.guard.authorization == "all" or entry not in verdict.entries:
        return None
    before = verdict.entries[: verdict.entries.index(entry)]
    inner = (other for other in before if other.kind is entry.kind is Phase.AUTHZ and other.node.key > entry.node.key)
    return next((other.handler.name for other in inner), None)
