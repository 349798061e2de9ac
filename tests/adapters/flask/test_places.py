"""Where the chain stands in an app: around all that was wrapped in before, and errors where it could be passed by."""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import pytest
from flask import Flask, Response, request, session
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter, ValidationError
from werkzeug.test import Client

from flask_hookchain import FlaskHookChain
from hookchain import OK, HookChain, HookChainError, HookChainWarning, current_request
from tests.adapters.flask.flask_sites import bare_app, make_site
from tests.asking import quiet

ROOT = Path(__file__).parents[3]
ADAPTER = str(ROOT / "adapters" / "flask")


def sub_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"sub {environ['SCRIPT_NAME']} {environ['PATH_INFO']} {environ.get('REMOTE_USER')}".encode()]


def wrapped(*middlewares):
    app = bare_app()
    for middleware in middlewares:
        app.wsgi_app = middleware(app.wsgi_app)
    return app


def dispatching(inner):
    return DispatcherMiddleware(inner, {"/admin": sub_app})


def changing(inner, **keys):
    """Give what stands behind another environ."""
    return lambda environ, start_response: inner({**environ, **keys}, start_response)


def test_the_extension_is_found_in_the_app():
    app, hooks = bare_app(), quiet()
    extension = FlaskHookChain(app, hooks)
    assert app.extensions["hookchain"] is extension
    assert extension.hooks is hooks


def test_an_app_factory_puts_one_extension_into_each_app_it_makes():
    extension, seen = FlaskHookChain(), []
    extension.hooks.configure({"access_log": False})
    extension.hooks.access("/")(lambda req: seen.append(req.native.url_rule.rule))

    def create_app(name):
        app = bare_app(name)
        extension.init_app(app)
        return app

    first, second = create_app("first"), create_app("second")
    assert (first.test_client().get("/").text, second.test_client().get("/").text) == ("index", "index")
    assert seen == ["/", "/"]


def test_several_apps_have_several_chains():
    sites = [make_site(bare_app(name)) for name in ("one", "two")]
    sites[0].hooks.access(lambda req: 403)
    assert [site.get().status for site in sites] == [403, 200]


def test_handlers_can_be_registered_after_init_app():
    app = bare_app()
    extension = FlaskHookChain(app, quiet())
    extension.hooks.access(lambda req: 403)
    app.add_url_rule("/late", view_func=lambda: "late")
    assert app.test_client().get("/late").status_code == 403


def test_a_sub_app_is_entered_only_after_the_guards_ran():
    site = make_site(wrapped(dispatching))

    @site.hooks.authen("/admin")
    def by_name(req):
        req.user = req.args.get("user")
        return None if req.user is None else OK

    assert site.get("/admin/x").status == 401
    assert site.get("/x/../admin/x").status == 401
    assert site.get("/admin/x?user=ann").text == "sub /admin /x ann"
    assert site.get("/").text == "index"


def test_the_answer_of_a_sub_app_is_not_the_apps_but_its_session_is_saved():
    site = make_site(wrapped(dispatching))
    site.app.after_request(lambda response: response.headers.update({"X-After": "1"}) or response)
    site.hooks.access("/admin")(lambda req: session.update(seen="yes") if "set" in req.args else None)
    site.app.add_url_rule("/seen", view_func=lambda: session["seen"])
    client = site.app.test_client()
    answer = client.get("/admin/x?set")
    assert ("X-After" in answer.headers, "Set-Cookie" in answer.headers) == (False, True)
    assert client.get("/seen").text == "yes"
    plain = client.get("/admin/x")
    assert "Vary" not in plain.headers


def test_a_sub_app_without_sessions_is_left_as_it_is():
    app = wrapped(dispatching)
    app.secret_key = None
    assert make_site(app).get("/admin/x").text == "sub /admin /x None"


def test_a_flask_app_in_a_flask_app_has_its_own_contexts_and_chain():
    inner = make_site(bare_app("inner"))
    inner.app.add_url_rule("/who", view_func=lambda: f"{request.path} {current_request().path}")
    inner.hooks.access("/no")(lambda req: 403)
    outer = bare_app("outer")
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/in": inner.app})
    site = make_site(outer)
    site.hooks.access("/in/closed")(lambda req: 403)
    assert site.get("/in/who").text == "/who /who"
    assert site.get("/in/no").status == 403
    assert site.get("/in/closed").status == 403
    assert len(inner.finished) == 2
    with site.app.test_client() as client:
        client.get("/in/who")
        assert request.path == "/who"


def test_proxy_fix_stays_in_front_so_that_handlers_know_the_client():
    site = make_site(wrapped(dispatching, ProxyFix))
    site.hooks.access(lambda req: 403 if req.remote_addr != "1.2.3.4" else None)
    assert isinstance(site.app.wsgi_app, ProxyFix)
    assert site.get().status == 403
    assert site.get(headers={"X-Forwarded-For": "1.2.3.4"}).status == 200
    assert site.get("/admin/x").status == 403


@pytest.mark.parametrize("middleware", [dispatching, changing])
def test_wrapping_after_init_app_is_warned_of_once(middleware):
    site = make_site()
    site.app.wsgi_app = middleware(site.app.wsgi_app)
    with pytest.warns(HookChainWarning, match=r"wrapped after FlaskHookChain\.init_app.*wrap first"):
        assert site.get().status == 200
    assert site.get().status == 200


def test_proxy_fix_after_init_app_is_as_it_should_be():
    site = make_site()
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert site.get().status == 200


def test_initialising_twice_is_an_error():
    app = bare_app()
    FlaskHookChain(app, quiet())
    with pytest.raises(HookChainError, match=r"'site' has a chain already; initialise it once"):
        FlaskHookChain().init_app(app)


@pytest.mark.parametrize("middlewares", [[], [ProxyFix]])
def test_a_chain_in_wsgi_app_already_is_an_error(middlewares):
    app = wrapped(quiet().wsgi, *middlewares)
    with pytest.raises(HookChainError, match="leave out one of the two"):
        FlaskHookChain(app)
    assert "hookchain" not in app.extensions


def test_an_app_that_may_answer_without_wsgi_app_is_an_error():
    class Own(Flask):
        def __call__(self, environ, start_response):
            return super().__call__(environ, start_response)

    with pytest.raises(HookChainError, match=r"Own\.__call__ may answer .*override wsgi_app instead"):
        FlaskHookChain(Own("own"))


def test_an_app_that_overrides_wsgi_app_is_guarded():
    class Own(Flask):
        def wsgi_app(self, environ, start_response):
            environ["own"] = "own"
            return super().wsgi_app(environ, start_response)

    app = Own("own")
    app.add_url_rule("/", view_func=lambda: request.environ["own"])
    site = make_site(app)
    site.hooks.access("/no")(lambda req: 403)
    assert (site.get("/no").status, site.get("/").text) == (403, "own")


@pytest.mark.parametrize("what", [object(), HookChain(), sub_app])
def test_what_is_no_flask_app_is_an_error(what):
    with pytest.raises(HookChainError, match="is no Flask app; give the app, then the chain"):
        FlaskHookChain(what)


def test_what_is_no_chain_is_an_error():
    with pytest.raises(HookChainError, match="hooks='mysite' is no HookChain"):
        FlaskHookChain(bare_app(), "mysite")


def import_without(package):
    code = f"import sys; sys.modules[{package!r}] = None; sys.path.insert(0, {ADAPTER!r}); import flask_hookchain"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)


def test_without_flask_the_import_says_what_to_install():
    ran = import_without("flask")
    assert "hookchain[flask]" in ran.stderr.splitlines()[-1]


def test_any_other_module_that_is_missing_is_told_as_it_is():
    ran = import_without("click")
    assert "click" in ran.stderr.splitlines()[-1]
    assert "hookchain[flask]" not in ran.stderr


def test_a_chain_that_is_wrong_raises_at_the_first_request():
    site = make_site()
    site.hooks.register("access", lambda req: None, name="a", requires="nobody")
    with pytest.raises(HookChainError, match="nobody"):
        site.get()


# --- what stands between the chain and Flask


def test_what_a_middleware_writes_into_the_environ_is_there_for_the_view():
    site = make_site(wrapped(partial(changing, mark="1")))
    site.app.add_url_rule("/mark/<name>", view_func=lambda name: f"{request.environ['mark']} {name}")
    site.hooks.header_parser(lambda req: session.update(seen=1))
    answer = site.get("/mark/x")
    assert answer.text == "1 x"
    assert "Set-Cookie" in answer.headers


@pytest.mark.parametrize("asked", ["/", "/nowhere"])
def test_a_path_that_changes_between_the_guards_and_flask_is_not_routed(asked):
    site = make_site(wrapped(partial(changing, PATH_INFO="/closed")))
    site.app.add_url_rule("/closed", "closed", lambda: "never")
    site.hooks.section(endpoint="closed").register("access", lambda req: 403, name="no")
    answer = site.get(asked)
    assert (answer.status, "never" in answer.text) == (500, False)
    assert "wrap that around after" in str(answer.req.exception)


def test_a_middleware_may_ask_flask_twice():
    def twice(inner):
        def middleware(environ, start_response):
            def ignore(status, headers, exc_info=None):
                return start_response

            b"".join(inner(environ, ignore))
            return inner(environ, start_response)

        return middleware

    site, seen = make_site(wrapped(twice)), []
    site.app.before_request(lambda: seen.append(request.path))
    assert site.get().text == "index"
    assert seen == ["/", "/"]


def test_a_middleware_that_asks_twice_gets_no_other_route():
    def second_path(inner):
        def middleware(environ, start_response):
            b"".join(inner(environ, lambda *_: None))
            return inner({**environ, "PATH_INFO": "/closed"}, start_response)

        return middleware

    site = make_site(wrapped(second_path))
    site.app.add_url_rule("/closed", "closed", lambda: "never")
    assert site.get("/").status == 500


def test_a_converter_that_changes_its_mind_gets_no_other_route():
    class Once(BaseConverter):
        asked = 0

        def to_python(self, value):
            type(self).asked += 1
            if type(self).asked > 1:
                raise ValidationError
            return value

    app = bare_app()
    app.url_map.converters["once"] = Once
    app.add_url_rule("/<once:name>", "first", lambda name: "first")
    app.add_url_rule("/<name>", "second", lambda name: "second")
    site = make_site(app)
    assert site.get("/x").text == "first"


def test_apps_with_host_matching_are_routed_by_host():
    app = Flask("hosts", host_matching=True, static_host="static.example")
    app.add_url_rule("/", "a", lambda: "a", host="a.example")
    app.add_url_rule("/", "b", lambda: "b", host="b.example")
    site = make_site(app)
    site.hooks.section(endpoint="b").register("access", lambda req: 403, name="no")
    assert site.get(base_url="http://a.example").text == "a"
    assert site.get(base_url="http://b.example").status == 403


def test_contexts_that_views_and_tests_open_themselves_are_flasks_own():
    site = make_site()

    @site.app.get("/nested")
    def nested():
        with site.app.test_request_context("/other"):
            inner = request.path
        with site.app.request_context(request.environ):
            again = request.path
        return f"{inner} {again} {request.path}"

    assert site.get("/nested").text == "/other /nested /nested"
    with site.app.test_request_context("/x"):
        assert request.path == "/x"


def test_the_app_may_be_mounted_below_a_path():
    site = make_site()
    site.app.add_url_rule("/x", view_func=lambda: f"{request.script_root} {request.path}")
    site.hooks.access("/no")(lambda req: 403)
    client = Client(DispatcherMiddleware(sub_app, {"/shop": site.app}))
    assert client.get("/shop/x").text == "/shop /x"
    assert client.get("/shop/no").status_code == 403


def test_views_may_return_all_that_flask_allows():
    site = make_site()
    answers = {
        "str": "text",
        "bytes": b"text",
        "dict": {"a": 1},
        "list": [1],
        "iterator": lambda: iter(["te", "xt"]),
        "status": ("text", 201),
        "headers": ("text", {"X-A": "1"}),
        "all": ("text", "202 Fine", [("X-A", "1")]),
        "response": Response("text"),
        "wsgi": lambda: sub_app,
    }
    plain = bare_app()
    for name, answer in answers.items():
        view = answer if name in {"iterator", "wsgi"} else lambda answer=answer: answer
        for app in (site.app, plain):
            app.add_url_rule(f"/{name}", name, view)
    for name in answers:
        ours, flasks = site.get(f"/{name}"), plain.test_client().get(f"/{name}")
        assert (ours.status, ours.text) == (flasks.status_code, flasks.text), name
        assert sorted(ours.headers) == sorted(flasks.headers), name


def test_a_request_that_a_late_iterating_middleware_brings_after_all_is_over_keeps_its_route():
    def late(inner):
        def middleware(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield b"begun "
            yield from inner({**environ, "PATH_INFO": "/other"}, lambda *_: None)

        return middleware

    site = make_site(wrapped(late))
    site.app.add_url_rule("/other", "other", lambda: "never")
    assert "never" not in site.get("/").text


def test_an_exception_outside_of_the_chains_requests_is_flasks_own():
    site = make_site()
    with site.app.test_request_context("/"):
        assert site.app.handle_exception(LookupError("outside")).status_code == 500


def test_a_view_that_fails_in_a_subrequest_fails_that_alone():
    site, torn_down = make_site(), []
    site.app.add_url_rule("/part", "part", lambda: str(1 / 0))
    site.app.add_url_rule("/whole", "whole", lambda: str(current_request().lookup("/part").run().status_code))
    site.app.teardown_request(torn_down.append)
    answer = site.get("/whole")
    assert (answer.status, answer.text, answer.req.exception) == (200, "500", None)
    assert [type(error) for error in torn_down] == [ZeroDivisionError, type(None)]


def test_what_is_answered_before_the_route_is_known_never_gets_to_flask():
    site, seen = make_site(), []
    site.app.after_request(lambda response: seen.append("after") or response)
    site.app.teardown_appcontext(lambda error: seen.append("teardown"))
    site.hooks.trans(lambda req: Response("closed for today", 503))
    answer = site.get()
    assert (answer.status, answer.text, seen) == (503, "closed for today", [])


def test_a_host_that_flask_does_not_trust_is_refused_and_has_no_route():
    site, seen = make_site(), []
    site.app.config["TRUSTED_HOSTS"] = ["good.example"]
    site.hooks.header_parser(lambda req: seen.append((req.endpoint, req.lookup("/").endpoint)))
    assert site.get(base_url="http://bad.example").status == 400
    assert site.get(base_url="http://good.example").status == 200
    assert seen == [(None, None), ("index", "index")]
