"""Django sites under audit: patterns of every kind, the place of the middleware, and ``manage.py hookchain audit``."""

from __future__ import annotations

import io
import json
import re
import types

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy
from django.views import View
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_hookchain import HookChainMiddleware
from hookchain.audit import audit
from tests.adapters.django.places import OURS, by_wsgi
from tests.asking import quiet
from tests.audit.random_sites import build, chains, check_verdicts, requests, routes

SECURITY = "django.middleware.security.SecurityMiddleware"


def nobody(req):
    return None


def view(request, **_): ...


class Page(View): ...


class Ours(HookChainMiddleware):
    """A project's own subclass."""


def function_middleware(get_response):
    return get_response


def urlconf(*patterns):
    module = types.ModuleType("made_urls")
    module.urlpatterns = list(patterns)
    return module


@pytest.fixture
def hooks():
    chain = quiet()
    chain.section("/admin").authen(nobody)
    return chain


def site(hooks, *patterns, middleware=(OURS,), **options):
    return override_settings(
        ROOT_URLCONF=urlconf(*patterns), MIDDLEWARE=list(middleware), HOOKCHAIN={"CHAIN": hooks}, **options
    )


def states(hooks, *patterns, **options):
    with site(hooks, *patterns, **options):
        return {route.path: route.state for route in audit(WSGIHandler()).routes}


def test_each_pattern_is_a_route_with_its_name_and_view(hooks):
    inner = ([path("users/<int:pk>/", view, name="user")], "staff")
    with site(hooks, path("admin/", include(inner)), path("page", Page.as_view())):
        for application in (WSGIHandler(), ASGIHandler()):
            found = audit(application)
            told = {route.path: (route.name, route.methods, route.state) for route in found.routes}
            assert told == {
                "/admin/users/<int:pk>/": ("staff:user", ("*",), "guarded"),
                "/page": (f"{__name__}.Page", ("*",), "unguarded"),
            }
            assert found.name.startswith("Django site ")
            assert found.name.endswith("guarded by the chain 'hooks'")
            assert all(re.search(r"django/test_audit\.py:\d+$", route.source) for route in found.routes)


@pytest.mark.parametrize(
    ("pattern", "state"),
    [
        (path("<name>", view), "partial"),
        (path("<name>/x", view), "partial"),
        (path("<int:number>", view), "unguarded"),
        (path("<slug:name>", view), "partial"),
        (path("<uuid:id>", view), "unguarded"),
        (path("<path:page>", view), "partial"),
        (path("admin/<path:page>", view), "guarded"),
        (path("", view), "unguarded"),
        (re_path("^admin/$", view), "guarded"),
        (re_path("^admin$", view), "guarded"),
        (re_path("^admin", view), "partial"),
        (re_path("admin", view), "partial"),
        (re_path("^admin/", view), "guarded"),
        (re_path(r"^(?P<year>\d{4})/$", view), "unguarded"),
        (re_path("^(?:admin|staff)/$", view), "partial"),
        (re_path("^x|admin/$", view), "partial"),
        (re_path(r"^(?!admin).*$", view), "partial"),
    ],
)
def test_a_pattern_reaches_into_the_sections_that_its_paths_can_lie_in(hooks, pattern, state):
    assert list(states(hooks, pattern).values()) == [state]


@pytest.mark.parametrize(
    ("prefix", "state"),
    [
        (re_path("^admin/", include([path("x", view)])), "guarded"),
        (re_path("admin/", include([path("x", view)])), "partial"),
    ],
)
def test_a_part_of_the_path_is_taken_by_each_include(hooks, prefix, state):
    assert list(states(hooks, prefix).values()) == [state]


def test_routes_in_each_language_are_all_looked_at(hooks):
    from django.conf.urls.i18n import i18n_patterns

    hooks.section("/de").authen(nobody, name="german")
    languages = {"LANGUAGES": [("de", "German"), ("en", "English")], "LANGUAGE_CODE": "en"}
    translated = path(gettext_lazy("admin/"), view)
    assert states(hooks, *i18n_patterns(path("x", view)), **languages, USE_I18N=True) == {"/en/x": "partial"}
    assert states(hooks, translated, **languages, USE_I18N=True) == {"/admin/": "guarded"}
    assert states(hooks, translated, **languages, USE_I18N=False) == {"/admin/": "guarded"}
    assert states(hooks, re_path(gettext_lazy("^admin/$"), view), **languages) == {"/^admin/$": "guarded"}


def test_sections_by_endpoint_are_decided(hooks):
    hooks.section(endpoint="staff:*").authen(nobody, name="staff")
    inner = ([path("one", view, name="one")], "staff")
    assert states(hooks, path("deep/", include(inner)), path("two", view, name="two")) == {
        "/deep/one": "guarded",
        "/two": "unguarded",
    }


def test_without_the_middleware_every_route_is_unguarded_with_what_to_write(hooks):
    with site(hooks, path("admin/", view), middleware=[SECURITY, f"{__name__}.function_middleware"]):
        (route,) = audit(WSGIHandler()).routes
    assert route.state == "unguarded"
    assert f'put "{OURS}" first into MIDDLEWARE' in route.reasons[0]


def test_what_stands_before_the_chain_is_told(hooks):
    with site(hooks, path("admin/", view), middleware=[SECURITY, OURS]):
        (note,) = audit(WSGIHandler()).notes
    assert "what stands before the chain is not guarded by it" in note
    with site(hooks, path("admin/", view)):
        assert audit(WSGIHandler()).notes == ()


def test_a_subclass_of_the_middleware_guards_too(hooks):
    assert states(hooks, path("admin/", view), middleware=[f"{__name__}.Ours"]) == {"/admin/": "guarded"}


def test_a_chain_around_the_application_guards_it_too(hooks):
    with site(hooks, path("admin/", view), path("x", view), middleware=[]):
        for application in (hooks.wsgi(WSGIHandler()), hooks.asgi(ASGIHandler())):
            assert [route.state for route in audit(application).routes] == ["unguarded", "guarded"]


def run(*args):
    out = io.StringIO()
    status = 0
    try:
        call_command("hookchain", "audit", *args, stdout=out, force_color=True)
    except SystemExit as ended:
        status = ended.code
    return status, out.getvalue()


def test_the_command_lists_the_routes_in_red_and_fails(hooks):
    with site(hooks, path("x", view)):
        status, shown = run()
        assert status == 1
        assert "\x1b[31;1munguarded" in shown
        assert "1 route: 1 unguarded" in shown
        assert run("--github")[1].startswith("::error ")


def test_the_command_succeeds_where_everything_is_guarded(hooks):
    with site(hooks, path("admin/", view)):
        status, shown = run("--json")
    assert (status, json.loads(shown)["ok"], json.loads(shown)["target"]) == (0, True, "made_urls")


def test_the_command_tells_what_is_wrong(hooks):
    with site("nothing", path("x", view)), pytest.raises(CommandError, match="HOOKCHAIN"):
        run()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(chains(endpoints=True), routes(["", "int:", "path:"]), st.integers())
def test_what_the_audit_says_of_a_site_is_what_requests_experience(spec, paths, seed):
    chain = build(spec)
    if chain is None:
        return

    def answering(name):
        return lambda request, **_: HttpResponse(headers={"X-Route": name})

    made = []
    for index, (pieces, _, is_expression) in enumerate(paths):
        name = f"r{index}"
        if is_expression:
            values = {"": "[^/]+", "int:": "[0-9]+", "path:": ".+"}
            texts = [values[piece[1:-1]] if piece[0] == "<" else piece for piece in pieces]
            made.append(re_path(f"^{'/'.join(texts)}$", answering(name), name=name))
        else:
            texts = [f"<{piece[1:-1]}v{at}>" if piece[0] == "<" else piece for at, piece in enumerate(pieces)]
            made.append(path("/".join(texts), answering(name), name=name))

    def ask(path, method, host, flags):
        answer = by_wsgi(chain, path, method, headers={"X-Flags": flags, "Host": host}, ROOT_URLCONF=conf)
        assert answer.status in {200, 400, 401, 403, 404, 405}
        return answer.headers.get("X-Route") if answer.status == 200 else None

    def is_routed(route, request):
        from django.urls import Resolver404, resolve

        try:
            return route.name[0] == "c" or resolve(request[0], conf).view_name == route.name
        except Resolver404:
            return False

    conf = urlconf(*made)
    with override_settings(ROOT_URLCONF=conf, MIDDLEWARE=[OURS], HOOKCHAIN={"CHAIN": chain}, ALLOWED_HOSTS=["*"]):
        found = audit(WSGIHandler())
    check_verdicts(found, ask, requests([pieces for pieces, _, _ in paths], 50, seed), is_routed)
