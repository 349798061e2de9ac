"""Handlers in the scope of a route's name, and guards of a route that is found out late."""

from __future__ import annotations

import pytest

from hookchain import DECLINED, OK
from tests.adapters.django.places import by_asgi, by_wsgi
from tests.asking import quiet

ELSEWHERE = ("tests.adapters.django.middleware.routes_elsewhere",)


def test_a_section_may_be_for_a_route_by_its_name(ask):
    hooks = quiet()
    hooks.section(endpoint="inner:*").access(lambda req: 403)
    seen = []
    hooks.header_parser(lambda req: seen.append(req.endpoint))
    assert [ask(hooks, path).status for path in ("/inner/one", "/inner/two", "/echo/x", "/none")] == [
        403,
        403,
        200,
        404,
    ]
    assert seen == ["inner:one", "inner:two", "echo", None]


def test_before_the_path_is_settled_there_is_no_route(ask):
    hooks = quiet()
    seen = []
    hooks.trans(lambda req: seen.append(req.endpoint))
    assert ask(hooks, "/inner/one").status == 200
    assert seen == [None]


def test_a_route_that_is_chosen_behind_the_chain_is_guarded_as_well(ask):
    hooks = quiet()
    ran = []

    @hooks.access
    def everywhere(req):
        ran.append("everywhere")

    @hooks.section(endpoint="inner:one").access
    def there(req):
        ran.append(("there", req.path, req.endpoint))
        return 403

    answer = ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE)
    assert (answer.status, answer.req.decided_by) == (403, f"{there.__module__}.{there.__qualname__}")
    assert ran == ["everywhere", ("there", "/inner/one", "inner:one")]


def test_a_location_that_is_reached_behind_the_chain_is_guarded_as_well(ask):
    hooks = quiet(challenge="Basic")
    hooks.section("/inner/one").authen(lambda req: DECLINED)
    answer = ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Basic")
    assert ask(hooks, "/echo/x?to=/inner/two", behind=ELSEWHERE).status == 200
    assert ask(hooks, "/echo/x?to=/../x", behind=ELSEWHERE).status in {400, 404}


def test_the_same_path_in_another_table_of_routes_is_guarded_by_the_name_that_it_has_there(ask):
    table = "tests.adapters.django.project.other_urls"
    behind = ("tests.adapters.django.middleware.routes_by_another_table",)
    hooks = quiet()
    hooks.section(endpoint="other").access(lambda req: 403)
    assert ask(hooks, "/async", behind=behind).status == 200
    assert ask(hooks, f"/async?table={table}", behind=behind).status == 403


def test_in_a_closed_chain_a_route_that_nothing_guards_is_refused_late_as_well(ask):
    hooks = quiet(closed=True)
    hooks.section("/echo", public=True)
    assert ask(hooks, "/echo/x").status == 200
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == 403


def test_a_route_that_nothing_guards_may_be_reached_from_one_that_a_guard_let_pass(ask):
    hooks = quiet()
    hooks.section("/echo").access(lambda req: OK)
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == 200


def test_a_bad_path_that_is_made_behind_the_chain_is_refused(ask):
    from django.urls import re_path

    from tests.adapters.django.project import urls

    urlpatterns = [re_path("", urls.echo)]
    module = type("Urls", (), {"urlpatterns": urlpatterns})
    assert ask(quiet(), "/?to=/../x", behind=ELSEWHERE, ROOT_URLCONF=module).status == 400


def test_a_handler_that_is_async_guards_a_late_route(ask):
    hooks = quiet()

    @hooks.section(endpoint="inner:one").authen
    async def known(req):
        req.user = "bob"
        return OK

    @hooks.section(endpoint="inner:one").authz
    async def allowed(req):
        return 403 if "no" in req.args else OK

    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == 200
    assert ask(hooks, "/echo/x?to=/inner/one&no=1", behind=ELSEWHERE).status == 403


@pytest.mark.parametrize(
    ("authorization", "first", "second", "status"),
    [
        ("any", OK, DECLINED, 200),
        ("any", OK, 403, 403),
        ("any", OK, OK, 200),
        ("all", OK, DECLINED, 403),
        ("all", OK, OK, 200),
    ],
)
def test_authorization_of_a_late_route_counts_what_has_been_said(ask, authorization, first, second, status):
    hooks = quiet(authorization=authorization)
    calls = []

    @hooks.authen
    def known(req):
        calls.append("known")
        req.user = "bob"
        return OK

    hooks.authz(lambda req: first)
    hooks.section(endpoint="inner:one").authz(lambda req: second)
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == status
    assert calls == ["known"]


def test_authorization_alone_of_a_late_route_is_asked(ask):
    hooks = quiet(authentication="optional")
    hooks.section(endpoint="inner:one").authz(lambda req: DECLINED)
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == 403


def test_a_closed_chain_does_not_open_a_late_route(ask):
    hooks = quiet(closed=True)
    hooks.section("/echo", public=True)
    hooks.section("/async", public=True)
    assert ask(hooks, "/echo/x").status == 200
    assert ask(hooks, "/echo/x?to=/async", behind=ELSEWHERE).status == 200
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == 403


def test_satisfy_any_is_weighed_anew_for_a_late_route(ask):
    hooks = quiet()
    section = hooks.section(endpoint="inner:one", satisfy="any")
    section.access(lambda req: OK)
    section.authen(lambda req: DECLINED)
    other = hooks.section(endpoint="inner:two", satisfy="any")
    other.access(lambda req: 403)
    other.authen(lambda req: DECLINED)
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == 200
    assert ask(hooks, "/echo/x?to=/inner/two", behind=ELSEWHERE).status == 401


def test_a_condition_that_fails_for_a_late_route_closes_it(ask, error_log):
    hooks = quiet()

    def fails(req):
        return 1 / 0 if req.endpoint == "inner:one" else False

    hooks.section(when=fails).access(lambda req: 403)
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).status == 500
    assert "ZeroDivisionError" in error_log()


def test_an_error_document_stands_for_the_refusal_of_a_late_route(ask):
    hooks = quiet(error_document={403: "not there"})
    hooks.section(endpoint="inner:one").access(lambda req: 403)
    assert ask(hooks, "/echo/x?to=/inner/one", behind=ELSEWHERE).text == "not there"


@pytest.mark.parametrize("ask", [by_asgi, by_wsgi])
def test_a_route_that_is_not_known_before_is_guarded_when_it_is(ask):
    hooks = quiet()
    hooks.section(endpoint="inner:one").access(lambda req: 403)
    assert ask(hooks, "/nothing/there?to=/inner/one", behind=ELSEWHERE).status == 403
