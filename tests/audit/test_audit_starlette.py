"""Starlette and FastAPI apps under audit: routes, WebSockets, mounts, included routers, and where middleware stands."""

from __future__ import annotations

import functools
import re

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from hookchain.audit import audit
from tests.asking import quiet


def nobody(req):
    return None


async def view(request): ...


class Page(HTTPEndpoint): ...


class Outer:
    def __init__(self, app, *more):
        self.app = app


async def unknown(scope, receive, send): ...


@pytest.fixture
def hooks():
    chain = quiet()
    chain.section("/admin").authen(nobody)
    return chain


def guarded(hooks, *routes, **options):
    app = Starlette(routes=routes, **options)
    app.add_middleware(hooks.asgi)
    return app


def told(app):
    return [(route.path, ",".join(route.methods), route.kind, route.state) for route in audit(app).routes]


def states(app):
    return {route.path: route.state for route in audit(app).routes}


def test_each_route_is_listed_with_its_endpoint_and_methods(hooks):
    app = guarded(
        hooks, Route("/admin/x", view), Route("/p", Page), Route("/q", functools.partial(view), methods=["POST"])
    )
    assert sorted(told(app)) == [
        ("/admin/x", "GET,HEAD", "route", "guarded"),
        ("/p", "*", "route", "unguarded"),
        ("/q", "POST", "route", "unguarded"),
    ]
    found = audit(app)
    assert found.name == "Starlette app, guarded by the chain 'hooks'"
    assert {route.name for route in found.routes} >= {"view", "Page"}
    assert all(re.search(r"test_audit_starlette\.py:\d+$", route.source) for route in found.routes)


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("/{name}", "partial"),
        ("/{name}/x", "partial"),
        ("/{page:path}", "partial"),
        ("/admin/{page:path}", "guarded"),
        ("/admin{page:path}", "partial"),
        ("/{number:int}", "unguarded"),
        ("/{number:float}", "unguarded"),
        ("/{id:uuid}", "unguarded"),
        ("/x/{name}/admin", "unguarded"),
    ],
)
def test_a_parameter_reaches_into_the_sections_that_its_values_can_lie_in(hooks, path, state):
    assert [route.state for route in audit(guarded(hooks, Route(path, view))).routes] == [state]


def test_a_websocket_is_seen(hooks):
    app = guarded(hooks, WebSocketRoute("/admin/chat", view), WebSocketRoute("/chat", view))
    assert told(app) == [
        ("/chat", "WEBSOCKET", "websocket", "unguarded"),
        ("/admin/chat", "WEBSOCKET", "websocket", "guarded"),
    ]


def test_a_mounted_app_is_listed_below_its_path(hooks):
    sub = Starlette(routes=[Route("/x", view), Mount("/{org}", routes=[Route("/y", view)])])
    app = guarded(hooks, Mount("/admin", sub), Mount("/open", sub))
    assert states(app) == {
        "/admin/x": "guarded",
        "/admin/{org}/y": "guarded",
        "/open/x": "unguarded",
        "/open/{org}/y": "unguarded",
    }


def test_of_a_mounted_app_that_is_not_known_everything_is_one_mount(hooks, tmp_path):
    app = guarded(
        hooks, Mount("/static", StaticFiles(directory=tmp_path)), Mount("/admin", unknown), Mount("/{a}", unknown)
    )
    assert told(app) == [
        ("/static", "*", "mount", "unguarded"),
        ("/{a}", "*", "mount", "partial"),
        ("/admin", "*", "mount", "guarded"),
    ]


def test_a_mounted_app_with_a_chain_of_its_own_is_guarded_by_that(hooks):
    sub = guarded(hooks, Route("/admin", view), Route("/x", view))
    inner = [Mount("/one", sub), Mount("/two", hooks.asgi(Starlette(routes=[Route("/admin", view)]))), Route("/", view)]
    assert states(Starlette(routes=inner)) == {
        "/": "unguarded",
        "/one/admin": "guarded",
        "/one/x": "unguarded",
        "/two/admin": "guarded",
    }


def test_middleware_of_a_mount_or_route_guards_that(hooks):
    by_chain = [Middleware(Outer), Middleware(hooks.asgi)]
    routes = [
        Mount("/m", routes=[Route("/admin", view), Route("/x", view)], middleware=by_chain),
        Route("/admin/r", view, middleware=[*by_chain, Middleware(quiet().asgi)]),
        Route("/r", view, middleware=by_chain),
        WebSocketRoute("/admin/w", view, middleware=by_chain),
    ]
    assert states(Starlette(routes=routes)) == {
        "/m/admin": "guarded",
        "/m/x": "unguarded",
        "/admin/r": "guarded",
        "/r": "unguarded",
        "/admin/w": "guarded",
    }


def test_a_host_is_seen_with_its_routes(hooks):
    app = guarded(hooks, Host("api.example", Router(routes=[Route("/admin", view), Route("/x", view)])))
    assert states(app) == {"/admin": "guarded", "/x": "unguarded"}


def test_a_kind_of_route_that_is_not_known_may_answer_any_path(hooks):
    class Odd(BaseRoute): ...

    (route,) = audit(guarded(hooks, Odd())).routes
    assert (route.kind, route.path, route.state) == ("mount", "/", "partial")
    assert route.name == "Odd, which may answer any path"


def test_a_default_of_its_own_may_answer_any_path(hooks):
    assert told(hooks.asgi(Router(routes=[], default=unknown))) == [("/", "*", "mount", "partial")]
    assert told(hooks.asgi(Router(routes=[]))) == []


def test_a_route_that_is_added_later_is_seen(hooks):
    app = guarded(hooks)
    app.add_route("/later", view)
    assert states(app) == {"/later": "unguarded"}


def test_without_the_middleware_every_route_is_unguarded_with_what_to_write():
    (route,) = audit(Starlette(routes=[Route("/admin", view)])).routes
    assert route.state == "unguarded"
    assert "write app.add_middleware(hooks.asgi)" in route.reasons[0]


def test_middleware_before_the_chain_is_told(hooks):
    app = Starlette(
        routes=[Route("/admin", view)],
        middleware=[Middleware(Outer), Middleware(quiet().asgi), Middleware(hooks.asgi), Middleware(Outer)],
    )
    found = audit(app)
    assert found.notes == ("what Outer may answer is not guarded: it stands before the chain",)
    assert states(app) == {"/admin": "guarded"}
    assert audit(guarded(hooks)).notes == ()


def test_a_chain_around_the_app_guards_it(hooks):
    app = Starlette(routes=[Route("/admin", view), Route("/x", view)])
    assert states(hooks.asgi(app)) == {"/admin": "guarded", "/x": "unguarded"}
    assert states(hooks.asgi(hooks.asgi(app))) == {"/admin": "guarded", "/x": "unguarded"}


def test_fastapis_routes_and_included_routers_are_listed(hooks):
    app = FastAPI(openapi_url=None)
    inner = APIRouter(prefix="/deep")
    inner.add_api_route("/y", view, methods=["POST"])
    router = APIRouter(prefix="/r")
    router.add_api_websocket_route("/ws", view)
    router.include_router(inner)
    router.mount("/mnt", unknown)
    app.include_router(router, prefix="/admin")
    app.add_api_route("/items/{item:path}", view)
    app.add_middleware(hooks.asgi)
    assert sorted(told(app)) == [
        ("/admin/mnt", "*", "mount", "guarded"),
        ("/admin/r/deep/y", "POST", "route", "guarded"),
        ("/admin/r/ws", "WEBSOCKET", "websocket", "guarded"),
        ("/items/{item:path}", "GET", "route", "unguarded"),
    ]


def test_fastapis_own_pages_are_routes_too(hooks):
    app = FastAPI()
    app.add_middleware(hooks.asgi)
    assert set(states(app)) == {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
