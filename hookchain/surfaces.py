"""From an app to its Surface: chains, what is wrapped around apps, and apps whose routes an adapter knows."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from typing import Any

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from .asgi import ASGIChain
from .chain import HookChain
from .chain_routes import chain_surface, with_chain
from .exceptions import HookChainError
from .languages import END, Text
from .routes import Mounted, Surface, name_of_app, unknown_app
from .starlette_routes import is_starlette, starlette_surface
from .wsgi import WSGIChain


class NoSurfaceError(HookChainError):
    """There is nothing to audit."""


def surface_of(app: object) -> Surface:
    """Return what an app shows to the outside.

    Args:
        app: see ``audit``.

    Returns:
        The Surface.

    Raises:
        NoSurfaceError: nothing is known about it, and there is no chain in it.
    """
    found = find_surface(app)
    if found is None:
        raise NoSurfaceError(
            f"there is no chain in {app!r}, and its routes are not known; give a chain, what hooks.wsgi(app) or "
            "hooks.asgi(app) returns, or a Flask, Django, Starlette or FastAPI app"
        )
    return found


def find_surface(app: object) -> Surface | None:
    """Return what an app shows to the outside; None where nothing is known about it."""
    if isinstance(app, HookChain):
        return chain_surface(app)
    if isinstance(app, WSGIChain | ASGIChain):
        inner: object = app.app
        return (
            chain_surface(app.chain)
            if inner is None
            else with_chain(find_surface(inner) or unknown_app(inner), app.chain)
        )
    adapted = _of_adapter(app)
    if adapted is not None:
        return adapted
    if isinstance(app, DispatcherMiddleware):
        return beside(find_surface(app.app) or unknown_app(app.app), dispatched(app))
    if is_starlette(app):
        return starlette_surface(app, find_surface)
    return _of_wrapper(app)


def _of_adapter(app: object) -> Surface | None:
    """Ask the adapter of the app's framework: the package of a framework X is called ``X_hookchain``."""
    for package in dict.fromkeys(each.__module__.partition(".")[0] for each in type(app).__mro__):
        name = f"{package}_hookchain"
        if importlib.util.find_spec(name) is not None and importlib.util.find_spec(f"{name}.audit") is not None:
            found: Surface | None = importlib.import_module(f"{name}.audit").surface_of(app)
            return found
    return None


def dispatched(app: DispatcherMiddleware) -> tuple[Mounted, ...]:
    """Return the apps among which Werkzeug's dispatcher chooses by path, its default aside."""
    return tuple(
        Mounted(path, Text(path), find_surface(mounted) or unknown_app(mounted), is_bare=True)
        for path, mounted in app.mounts.items()
    )


def beside(surface: Surface, mounts: tuple[Mounted, ...]) -> Surface:
    """Return a surface with others beside it: before its chain, where it has one."""
    if surface.chain is None:
        return dataclasses.replace(surface, mounts=(*surface.mounts, *mounts))
    return Surface(surface.name, mounts=(*mounts, Mounted("", END, surface)))


def _of_wrapper(app: object) -> Surface | None:
    """An app that keeps another in its attribute ``app``, as most WSGI and ASGI middleware does."""
    inner: Any = getattr(app, "app", None)
    found = None if inner is None else find_surface(inner)
    if found is None or isinstance(app, ProxyFix):
        return found
    note = f"{name_of_app(app)} stands before all of it: what it answers itself is not looked at"
    return dataclasses.replace(found, notes=(*found.notes, note))
