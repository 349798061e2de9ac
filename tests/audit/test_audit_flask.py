"""Flask apps under audit: rules, converters, what is wrapped around ``wsgi_app``, and ``flask hookchain audit``."""

from __future__ import annotations

import json
import re

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView
from quart import Quart
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter, Rule

from flask_hookchain import FlaskHookChain
from hookchain import OK
from hookchain.audit import audit
from tests.asking import quiet


def nobody(req):
    return None


def view(**_):
    return "the view"


@pytest.fixture
def hooks():
    chain = quiet()
    chain.section("/admin").authen(nobody)
    return chain


@pytest.fixture
def app():
    return Flask("shop", static_folder=None)


def states(found):
    return {route.path: route.state for route in audit(found).routes}


def test_each_rule_is_a_route_with_its_view_and_methods(app, hooks):
    app.add_url_rule("/admin/x", "x", view, methods=["POST"])
    FlaskHookChain(app, hooks)
    found = audit(app)
    (route,) = found.routes
    assert found.name == "Flask app 'shop', guarded by the chain 'hooks'"
    assert (route.path, route.methods, route.name, route.state) == ("/admin/x", ("POST",), "x", "guarded")
    assert re.search(r"test_audit_flask\.py:\d+$", route.source)


def test_options_is_listed_where_the_view_answers_it(app, hooks):
    app.add_url_rule("/a", "a", view, methods=["GET", "OPTIONS"])
    app.add_url_rule("/b", "b", view)
    app.url_map.add(Rule("/c", endpoint="c"))
    app.url_map.add(Rule("/d", endpoint="d", build_only=True))
    app.url_map.add(Rule("/e", endpoint="e", websocket=True))
    FlaskHookChain(app, hooks)
    told = {route.path: route.methods for route in audit(app).routes}
    assert told == {"/a": ("GET", "HEAD", "OPTIONS"), "/b": ("GET", "HEAD"), "/c": ("*",), "/e": ("WEBSOCKET",)}


def test_the_source_of_a_class_of_views_is_the_class(app, hooks):
    class Orders(MethodView):
        def get(self): ...

    app.add_url_rule("/orders", view_func=Orders.as_view("orders"))
    FlaskHookChain(app, hooks)
    (route,) = audit(app).routes
    assert route.source.startswith(__file__)


class Digits(BaseConverter):
    regex = r"\d+"


class Anything(BaseConverter):
    regex = ".*"


@pytest.mark.parametrize(
    ("rule", "options", "state"),
    [
        ("/<name>", {}, "partial"),
        ("/<name>/edit", {}, "partial"),
        ("/<int:number>", {}, "unguarded"),
        ("/<any(admin, staff):who>/x", {}, "partial"),
        ("/<any(staff, user):who>/x", {}, "unguarded"),
        ("/<path:page>", {}, "partial"),
        ("/admin/<path:page>", {}, "guarded"),
        ("/adm<path:page>", {}, "partial"),
        ("/<string(length=2):code>", {}, "unguarded"),
        ("/<string(length=5):code>", {}, "partial"),
        ("/<uuid:id>", {}, "unguarded"),
        ("/<float:size>", {}, "unguarded"),
        ("/<digits:number>", {}, "unguarded"),
        ("/x/<anything:text>/admin", {}, "unguarded"),
        ("/admin", {"strict_slashes": False}, "guarded"),
        ("//admin//x", {}, "guarded"),
    ],
)
def test_a_converter_reaches_into_the_sections_that_its_values_can_lie_in(app, hooks, rule, options, state):
    app.url_map.converters.update(digits=Digits, anything=Anything)
    app.add_url_rule(rule, "view", view, **options)
    FlaskHookChain(app, hooks)
    assert [route.state for route in audit(app).routes] == [state]


@pytest.mark.parametrize(
    ("rule", "exact", "is_strict", "state"),
    [
        ("/open/", "/open/", True, "guarded"),
        ("/open/", "/open/", False, "partial"),
        ("/open", "/open", True, "guarded"),
        ("/open", "/open", False, "partial"),
        ("/<name>/", "/x/", False, "partial"),
        ("/", "/", False, "guarded"),
    ],
)
def test_a_rule_that_is_not_strict_has_two_spellings(app, rule, exact, is_strict, state):
    hooks = quiet()
    hooks.section(exact, exact=True).authen(nobody)
    app.add_url_rule(rule, "view", view, strict_slashes=is_strict)
    FlaskHookChain(app, hooks)
    assert [route.state for route in audit(app).routes] == [state]


def test_sections_by_endpoint_are_decided(app, hooks):
    admin = Blueprint("admin", __name__, url_prefix="/deep")
    admin.add_url_rule("/users", "users", view)
    app.register_blueprint(admin)
    app.add_url_rule("/", "index", view)
    hooks.section(endpoint="admin.*").authen(nobody)
    FlaskHookChain(app, hooks)
    assert states(app) == {"/": "unguarded", "/deep/users": "guarded"}


def test_a_chain_around_the_app_that_knows_no_endpoints_does_not_decide_by_them(app, hooks):
    app.add_url_rule("/", "index", view)
    hooks.section(endpoint="index").authen(nobody)
    assert states(hooks.wsgi(app)) == {"/": "partial"}


def test_static_files_are_a_route(hooks):
    app = Flask("shop", static_folder="static")
    FlaskHookChain(app, hooks)
    assert states(app) == {"/static/<path:filename>": "unguarded"}


def test_a_route_that_is_added_later_is_seen(app, hooks):
    FlaskHookChain(app, hooks)
    assert states(app) == {}
    app.add_url_rule("/later", "later", view)
    assert states(app) == {"/later": "unguarded"}


def test_what_the_chain_itself_answers_is_listed(app, hooks):
    hooks.content("/admin/report")(lambda req: OK)
    FlaskHookChain(app, hooks)
    assert states(app) == {"/admin/report": "guarded"}


def test_without_the_extension_every_route_is_unguarded_with_what_to_write(app):
    app.add_url_rule("/admin", "admin", view)
    found = audit(app)
    assert found.name == "Flask app 'shop'"
    assert "write FlaskHookChain(app, hooks)" in found.routes[0].reasons[0]


def other_app():
    other = Flask("other", static_folder=None)
    other.add_url_rule("/", "root", view)
    other.add_url_rule("/admin", "admin", view)
    return other


def unknown(environ, start_response): ...


def test_apps_that_were_dispatched_to_before_stand_behind_the_chain(app, hooks):
    app.add_url_rule("/", "index", view)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/admin": other_app(), "/x": unknown, "/y": other_app()})
    FlaskHookChain(app, hooks)
    found = audit(app)
    assert {route.path: (route.kind, route.state) for route in found.routes} == {
        "/": ("route", "unguarded"),
        "/admin/": ("route", "guarded"),
        "/admin/admin": ("route", "guarded"),
        "/x": ("mount", "unguarded"),
        "/y/": ("route", "unguarded"),
        "/y/admin": ("route", "unguarded"),
    }


def test_apps_that_are_dispatched_to_later_stand_before_the_chain(app, hooks):
    app.add_url_rule("/admin", "index", view)
    FlaskHookChain(app, hooks)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/admin": other_app()})
    assert states(app) == {"/admin": "guarded", "/admin/": "unguarded", "/admin/admin": "unguarded"}


def test_a_dispatcher_around_apps_with_and_without_a_chain(app, hooks):
    app.add_url_rule("/admin", "index", view)
    FlaskHookChain(app, hooks)
    dispatcher = DispatcherMiddleware(unknown, {"/shop": app, "/other": other_app()})
    assert states(dispatcher) == {
        "/shop/admin": "guarded",
        "/other/": "unguarded",
        "/other/admin": "unguarded",
        "": "unguarded",
    }
    assert states(hooks.wsgi(dispatcher))["/shop/admin"] == "guarded"


class Wrapper:
    def __init__(self, app):
        self.app = app


def test_what_is_wrapped_around_the_chain_is_told(app, hooks):
    app.add_url_rule("/admin", "index", view)
    app.wsgi_app = Wrapper(app.wsgi_app)
    FlaskHookChain(app, hooks)
    app.wsgi_app = Wrapper(app.wsgi_app)
    found = audit(app)
    assert found.notes == (
        "Wrapper stands in app.wsgi_app, behind the chain: what it answers itself is not looked at",
        "Wrapper stands in app.wsgi_app, before the chain: what it answers itself is not looked at",
    )
    assert [route.state for route in found.routes] == ["guarded"]


def test_a_proxy_fix_is_no_matter_of_a_note(app, hooks):
    app.add_url_rule("/admin", "index", view)
    app.wsgi_app = ProxyFix(app.wsgi_app)
    FlaskHookChain(app, hooks)
    assert (audit(app).notes, states(app)) == ((), {"/admin": "guarded"})
    assert audit(ProxyFix(hooks.wsgi(app))).notes == ()


def test_a_function_in_the_place_of_wsgi_app_is_told(app, hooks):
    app.add_url_rule("/admin", "index", view)
    app.wsgi_app = unknown
    assert audit(app).notes[0].startswith("unknown stands in app.wsgi_app, behind the chain")
    assert states(app) == {"/admin": "unguarded"}


def test_a_chain_in_wsgi_app_without_the_extension_guards_too(app, hooks):
    app.add_url_rule("/admin", "index", view)
    app.wsgi_app = hooks.wsgi(app.wsgi_app)
    assert states(app) == {"/admin": "guarded"}


def test_two_chains_around_one_app(app, hooks):
    app.add_url_rule("/admin", "admin", view)
    app.add_url_rule("/outer", "outer", view)
    FlaskHookChain(app, hooks)
    outer = quiet()
    outer.section("/outer").authen(nobody)
    assert states(outer.wsgi(app)) == {"/admin": "guarded", "/outer": "guarded"}


def test_a_quart_app_is_listed_by_its_rules_too(hooks):
    app = Quart("shop", static_folder=None)
    app.add_url_rule("/admin", "admin", view)
    app.add_websocket("/admin/chat", "chat", view)
    assert {route.state for route in audit(app).routes} == {"unguarded"}
    assert "write app.asgi_app = hooks.asgi(app.asgi_app)" in audit(app).routes[0].reasons[0]
    assert audit(hooks.asgi(app)).name == "Quart app 'shop', guarded by the chain 'hooks'"
    assert states(hooks.asgi(app)) == {"/admin": "guarded", "/admin/chat": "guarded"}
    app.asgi_app = hooks.asgi(app.asgi_app)
    assert states(app) == {"/admin": "guarded", "/admin/chat": "guarded"}


# --- flask hookchain audit


def run(app, *args):
    return app.test_cli_runner().invoke(args=["hookchain", "audit", *args], color=True)


def test_the_command_lists_the_routes_of_the_app_in_red_and_fails(app, hooks):
    app.add_url_rule("/open", "open", view)
    FlaskHookChain(app, hooks)
    shown = run(app)
    assert shown.exit_code == 1
    assert "\x1b[31munguarded" in shown.output
    assert "1 route: 1 unguarded" in shown.output
    assert run(app, "--github").output.startswith("::error ")


def test_the_command_succeeds_where_everything_is_guarded(app, hooks):
    app.add_url_rule("/admin", "admin", view)
    FlaskHookChain(app, hooks)
    shown = run(app, "--json")
    assert shown.exit_code == 0
    assert (json.loads(shown.output)["target"], json.loads(shown.output)["ok"]) == ("shop", True)


def test_the_command_tells_the_problems_of_a_wrong_chain(app, hooks):
    hooks.access(nobody, name="a", requires="nobody at all")
    FlaskHookChain(app, hooks)
    shown = run(app)
    assert shown.exit_code == 1
    assert "Error: the chain has 1 problem" in shown.output
