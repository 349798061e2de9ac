"""What a chain itself answers, and where it says something about who passes, as routes."""

from __future__ import annotations

import dataclasses

from .audit_places import paths_below
from .chain import HookChain
from .declarations import Kind
from .handlers import Handler
from .languages import ANYTHING, END
from .overlap import methods_of
from .phases import Phase
from .plan import USER_PHASES
from .routes import Mounted, Route, Surface
from .tree import Node

_TELLING = (Phase.CONTENT, Phase.ACCESS, *USER_PHASES)


def chain_surface(chain: HookChain) -> Surface:
    """Return the surface of a chain that stands alone: its sections, and what its handlers and files answer."""
    nodes = [node for node in chain.plan.tree.nodes if _is_location(node) and not _is_root(node)]
    places = [_location(node) for node in nodes if not _has(node, Phase.CONTENT)]
    routes = [*places, *answers_of(chain)]
    # A chain that answers nothing is there to guard something.
    if not any(entry.kind is Phase.CONTENT for entry in chain.plan.tree.entries) and chain.document_root is None:
        routes.append(Route("/", ANYTHING, name="everything else", kind="location"))
    return Surface(f"the chain {chain.name!r}", tuple(routes), chain)


def with_chain(surface: Surface, chain: HookChain, *, knows_endpoints: bool = False) -> Surface:
    """Return the surface of a chain around an app: the app's routes, and what the chain itself answers.

    Args:
        surface: the app's.
        chain: the chain.
        knows_endpoints: whether the chain knows the endpoints of the app's own routes.

    Returns:
        A new Surface.
    """
    name = f"{surface.name}, guarded by the chain {chain.name!r}"
    own = answers_of(chain)
    if surface.chain is not None:  # both stand before the routes
        return Surface(name, own, chain, mounts=(Mounted("", END, surface),))
    routes = (*own, *surface.routes)
    return dataclasses.replace(surface, name=name, routes=routes, chain=chain, knows_endpoints=knows_endpoints)


def answers_of(chain: HookChain) -> tuple[Route, ...]:
    """Return what a chain answers itself where an app stands behind it."""
    answering = (entry for entry in chain.plan.tree.entries if entry.kind is Phase.CONTENT)
    routes = [_location(entry.node, entry.handler) for entry in answering]
    if chain.document_root is not None:
        routes.append(Route("/", ANYTHING, name=f"files of {chain.document_root}", kind="location"))
    return tuple(routes)


def _is_location(node: Node) -> bool:
    return not node.is_handler_scope or any(_has(node, phase) for phase in _TELLING)


def _is_root(node: Node) -> bool:
    return node.prefix == "/" and all(around.scope.pattern is None for around in node.lineage())


def _has(node: Node, phase: Kind) -> bool:
    return any(entry.kind is phase for entry in node.entries)


def _location(node: Node, handler: Handler | None = None) -> Route:
    around = node.lineage()
    patterns = [f"~ {each.scope.pattern.pattern}" for each in around if each.scope.pattern is not None]
    return Route(
        path=" ".join((*([] if patterns and node.prefix == "/" else [node.prefix]), *patterns)),
        paths=paths_below(node),
        methods=methods_of(around),
        name="a section" if handler is None else handler.name,
        source=node.origin if handler is None else handler.origin,
        kind="route" if any(each.scope.exact for each in around) else "location",
        place=node,
    )
