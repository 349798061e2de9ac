"""The routes of a Flask app, and what is wrapped around it, as the audit reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter, Rule

from hookchain import HookChain
from hookchain.adapting import WSGIChain
from hookchain.audit import (
    Language,
    Route,
    Surface,
    beside,
    dispatched,
    either,
    joined,
    literal,
    matching,
    name_of_app,
    source_of,
    with_chain,
)

from .extension import GuardedApp


def surface_of(app: Any) -> Surface:
    """Return what a Flask app shows to the outside: its routes, and what is wrapped around its ``wsgi_app``.

    Args:
        app: the app; or one of Quart's, which are built on the same classes.
    """
    return _around(app, app.wsgi_app) if isinstance(app, Flask) else _around_quart(app, app.asgi_app)


def _around_quart(app: Any, asgi_app: Any) -> Surface:
    chain = getattr(asgi_app, "chain", None)
    if isinstance(chain, HookChain):
        return with_chain(_around_quart(app, asgi_app.app), chain)
    return _own(app, "app.asgi_app = hooks.asgi(app.asgi_app)")


def _around(app: Flask, wsgi_app: Any) -> Surface:
    if getattr(wsgi_app, "__self__", None) is app:
        return _own(app, "FlaskHookChain(app, hooks)")
    if isinstance(wsgi_app, WSGIChain):
        behind: Any = wsgi_app.app
        knows_endpoints = isinstance(behind, GuardedApp)
        inner = _around(app, behind.wsgi_app if knows_endpoints else behind)
        return with_chain(inner, wsgi_app.chain, knows_endpoints=knows_endpoints)
    if isinstance(wsgi_app, DispatcherMiddleware):
        return beside(_around(app, wsgi_app.app), dispatched(wsgi_app))
    return _wrapped(app, wsgi_app)


def _wrapped(app: Flask, wrapper: Any) -> Surface:
    inner = getattr(wrapper, "app", None)
    surface = _own(app, "FlaskHookChain(app, hooks)") if inner is None else _around(app, inner)
    if isinstance(wrapper, ProxyFix):
        return surface
    where = "behind" if surface.chain is None else "before"
    note = f"{name_of_app(wrapper)} stands in app.wsgi_app, {where} the chain: what it answers itself is not looked at"
    return dataclasses.replace(surface, notes=(*surface.notes, note))


def _own(app: Any, remedy: str) -> Surface:
    kind = f"{type(app).__name__} app"
    unguarded = f"no chain stands before this {kind}: write {remedy}"
    return Surface(f"{kind} {app.name!r}", tuple(_routes(app)), unguarded=unguarded)


def _routes(app: Any) -> Iterator[Route]:
    rules: Iterable[Rule] = app.url_map.iter_rules()
    for rule in rules:
        if rule.build_only:
            continue
        methods = rule.methods
        if methods is not None and getattr(rule, "provide_automatic_options", False):
            methods = methods - {"OPTIONS"}  # Flask answers it itself, without the view
        view: Any = app.view_functions.get(rule.endpoint)
        yield Route(
            path=(rule.host or "") + rule.rule,
            paths=_paths_of(rule),
            methods=None if methods is None else frozenset(methods),
            name=rule.endpoint,
            endpoint=rule.endpoint,
            source="" if view is None else source_of(view),
            kind="websocket" if rule.websocket else "route",
        )


def _paths_of(rule: Rule) -> Language:
    compiled: dict[str, Any] = vars(rule)  # what Werkzeug has made of the rule, converters looked up
    pieces: list[tuple[bool, str]] = compiled["_trace"]
    pieces = pieces[pieces.index((False, "|")) + 1 :]  # the host comes before
    converters: dict[str, BaseConverter] = compiled["_converters"]
    path = joined(*(_matched_by(converters[text]) if varies else literal(text) for varies, text in pieces))
    if rule.strict_slashes or pieces == [(False, "/")]:
        return path
    if pieces[-1] == (False, "/"):
        shorter = joined(*(_matched_by(converters[text]) if varies else literal(text) for varies, text in pieces[:-1]))
        return either(path, shorter)
    return either(path, joined(path, literal("/")))


def _matched_by(converter: BaseConverter) -> Language:
    return matching(converter.regex, without_slash=converter.part_isolating)
