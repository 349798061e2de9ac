"""The routes of Starlette and FastAPI apps, told by their attributes, so that neither has to be imported.

Source: ``starlette/routing.py`` and ``starlette/applications.py``; ``_IncludedRouter`` in ``fastapi/routing.py``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .asgi import ASGIChain
from .chain import HookChain
from .chain_routes import with_chain
from .languages import ANYTHING, END, Language
from .routes import Mounted, Route, Surface, joined, literal, matching, name_of_app, source_of, unknown_app

_PARAMETER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")

Finder = Callable[[object], Surface | None]


def is_starlette(app: object) -> bool:
    """Tell whether something is a Starlette or FastAPI app, or a router of theirs."""
    return hasattr(app, "routes") and (hasattr(app, "user_middleware") or hasattr(app, "redirect_slashes"))


def starlette_surface(app: Any, find: Finder) -> Surface:
    """Return what an app shows to the outside.

    Args:
        app: the app or router.
        find: finds the surface of another app.

    Returns:
        The Surface; its chains are those that ``add_middleware(hooks.asgi)`` put before the routes.
    """
    name = f"{type(app).__name__} app"
    routes, mounts = _contents(app, find)
    surface = Surface(
        name,
        tuple(routes),
        mounts=tuple(mounts),
        unguarded=f"no chain stands before this {name}: write app.add_middleware(hooks.asgi)",
    )
    return _behind_middleware(surface, list(getattr(app, "user_middleware", ())))


def _behind_middleware(surface: Surface, middleware: list[Any]) -> Surface:
    """Put the chains among some middleware before a surface, the innermost first."""
    chains = [_chain_of(each.cls) for each in middleware]
    for index, chain in reversed(list(enumerate(chains))):
        if chain is not None:
            others = [name_of_app(each.cls) for each in middleware[:index] if _chain_of(each.cls) is None]
            note = f"what {' and '.join(others)} may answer is not guarded: it stands before the chain"
            surface = with_chain(surface, chain)
            if others:
                surface = dataclasses.replace(surface, notes=(*surface.notes, note))
    return surface


def _chain_of(middleware: object) -> HookChain | None:
    """The chain whose method ``asgi`` was given as middleware."""
    owner = getattr(middleware, "__self__", None)
    return owner if isinstance(owner, HookChain) and getattr(middleware, "__func__", None) is HookChain.asgi else None


def _contents(router: Any, find: Finder) -> tuple[list[Route], list[Mounted]]:
    routes: list[Route] = []
    mounts: list[Mounted] = []
    for each in _flattened((*router.routes, *_late_routes(router))):
        if getattr(each, "endpoint", None) is not None and hasattr(each, "path_format"):
            _add_route(each, routes, mounts)
        elif hasattr(each, "app") and (hasattr(each, "path_format") or hasattr(each, "host")):
            mounts.append(_mounted(each, find))
        else:
            name = type(each).__name__
            routes.append(Route("/", ANYTHING, name=f"{name}, which may answer any path", kind="mount"))
    return routes, mounts


def _late_routes(router: Any) -> Iterable[Any]:
    """What is asked when no route is found: FastAPI's front ends, and a default that is not Starlette's own."""
    router = getattr(router, "router", router)
    yield from getattr(router, "_low_priority_routes", ())
    default = getattr(router, "default", None)
    if default is not None and getattr(default, "__name__", "") != "not_found":
        yield default


def _flattened(routes: Iterable[Any]) -> Iterator[Any]:
    for each in routes:
        if hasattr(each, "effective_candidates"):  # a router that FastAPI has included
            yield from _flattened(each.effective_candidates())
            yield from _flattened(each.effective_low_priority_routes())
        else:
            yield getattr(each, "starlette_route", None) or each


def _add_route(each: Any, routes: list[Route], mounts: list[Mounted]) -> None:
    methods: Iterable[str] | None = getattr(each, "methods", None)
    route = Route(
        path=each.path,
        paths=_paths_of(each.path_format, each.param_convertors),
        methods=None if methods is None else frozenset(methods),
        name=str(each.name),
        source=source_of(each.endpoint),
        kind="route" if hasattr(each, "methods") else "websocket",
    )
    chains = _chains_around(getattr(each, "app", None))
    if not chains:
        routes.append(route)
        return
    surface = Surface("", (route,), chains[-1])
    for chain in reversed(chains[:-1]):
        surface = Surface("", (), chain, mounts=(Mounted("", END, surface),))
    mounts.append(Mounted("", END, surface))


def _chains_around(app: Any) -> list[HookChain]:
    """The chains that a route's own middleware puts before it, the outermost first."""
    found: list[HookChain] = []
    while app is not None:
        if isinstance(app, ASGIChain):
            found.append(app.chain)
        app = getattr(app, "app", None)
    return found


def _mounted(each: Any, find: Finder) -> Mounted:
    inner = find(each.app) or unknown_app(each.app)
    if not hasattr(each, "path_format"):  # Starlette's Host, which goes by host alone
        return Mounted("", END, inner)
    return Mounted(each.path, _paths_of(each.path_format.removesuffix("/{path}"), each.param_convertors), inner)


def _paths_of(path_format: str, converters: Any) -> Language:
    parts = _PARAMETER.split(path_format)
    texts = [literal(text) for text in parts[::2]]
    values = [
        matching(converters[name].regex) if name in converters else literal(f"{{{name}}}") for name in parts[1::2]
    ]
    return joined(*(part for pair in zip(texts, [*values, END], strict=True) for part in pair))
