"""What the audit says of each way to guard, open and narrow a route."""

from __future__ import annotations

import io
import json
import re

import pytest

from hookchain import OK, CompileError
from hookchain.audit import (
    Mounted,
    NoSurfaceError,
    Route,
    Surface,
    audit,
    either,
    joined,
    literal,
    matching,
    rest_of_path,
    source_of,
    unknown_app,
)
from tests.asking import quiet


def nobody(req):
    return None


def everybody(req):
    return OK


def somebody(req):
    return OK


def weekend(req):
    return True


def holiday(req):
    return False


def of(chain, path="/a", methods=("GET",), paths=None, **options):
    """What the audit says of one route."""
    route = Route(path, literal(path) if paths is None else paths, methods and frozenset(methods), **options)
    surface = Surface("app", (route,), chain, knows_endpoints=options.get("endpoint") is not None)
    (found,) = audit(surface).routes
    return found


def names(found):
    return [(handler.phase, handler.name.rpartition(".")[2]) for handler in found.handlers]


def states(found):
    return [case.state for case in found.cases]


@pytest.fixture
def chain():
    return quiet()


# --- states


def test_a_route_without_handlers_is_unguarded(chain):
    found = of(chain)
    assert (found.state, found.is_failing) == ("unguarded", True)
    assert found.reasons == ("no AUTHEN or AUTHZ handler applies, as for GET /a",)


@pytest.mark.parametrize("phase", ["authen", "authz"])
def test_a_route_with_an_authen_or_authz_handler_is_guarded(chain, phase):
    chain.register(phase, nobody, "/a")
    found = of(chain)
    assert (found.state, found.is_failing, found.reasons) == ("guarded", False, ())
    (handler,) = found.handlers
    assert (handler.phase, handler.section, handler.is_partial) == (phase.upper(), "/a", False)
    assert re.search(r"test_audit\.py:\d+$", handler.origin)
    assert re.search(r"test_audit\.py:\d+$", handler.section_origin)


def test_access_alone_is_listed_and_no_guard(chain):
    chain.access(everybody)
    found = of(chain)
    assert (found.state, names(found)) == ("unguarded", [("ACCESS", "everybody")])
    assert "ACCESS ones alone" in found.reasons[0]


def test_optional_authentication_is_no_guard(chain):
    chain.section("/a", authentication="optional").authen(nobody)
    found = of(chain)
    assert found.state == "unguarded"
    assert "authentication is optional" in found.reasons[0]


def test_authz_handlers_behind_optional_authentication_are_a_guard_in_part(chain):
    section = chain.section("/a", authentication="optional")
    section.authen(nobody)
    section.authz(everybody)
    assert of(chain).state == "partial"


def test_where_passing_access_is_enough_the_guard_is_partial(chain):
    chain.section("/a", satisfy="any").authen(nobody)
    assert of(chain).state == "guarded"
    with_access = quiet(satisfy="any")
    with_access.access(everybody)
    with_access.authen(nobody)
    assert of(with_access).state == "partial"


def test_a_public_section_is_told_with_its_place(chain):
    chain.authen(nobody)
    chain.section("/a", public=True)
    found = of(chain)
    assert (found.state, found.is_failing, names(found)) == ("public", False, [])
    assert re.fullmatch(r"section /a \(.*test_audit\.py:\d+\) is public", found.reasons[0])


def test_a_guard_inside_a_public_section_closes_it_again(chain):
    chain.section("/a", public=True).section("/b").authen(nobody)
    assert of(chain, "/a/b").state == "guarded"
    assert of(chain, "/a/c").state == "public"


def test_what_a_closed_chain_refuses_is_closed():
    found = of(quiet(closed=True))
    assert (found.state, found.is_failing) == ("closed", True)
    assert "403 for everybody" in found.reasons[0]


def test_a_guard_under_a_condition_in_a_closed_chain_is_a_guard():
    chain = quiet(closed=True)
    chain.authen(when=weekend)(nobody)
    found = of(chain)
    assert (found.state, states(found)) == ("guarded", ["closed", "guarded"])


def test_a_guard_that_is_switched_off_is_told_with_the_section_that_does_it(chain):
    chain.authen(nobody)
    chain.section("/a", without=nobody)
    found = of(chain)
    assert found.state == "unguarded"
    assert re.search(r"section /a \(.*\) says without .*nobody", found.reasons[0])


def test_a_route_that_no_request_can_have_is_closed(chain):
    chain.authen(nobody)
    found = of(chain, "/a//b")
    assert (found.state, found.methods) == ("closed", ("GET",))
    assert "nobody gets there" in found.reasons[0]


# --- partial


def test_a_guard_for_some_methods_is_partial(chain):
    chain.authen("/a", methods=["GET"])(nobody)
    found = of(chain, methods=["GET", "HEAD", "POST"])
    assert (found.state, states(found)) == ("partial", ["unguarded", "guarded"])
    assert [case.methods for case in found.cases] == [("POST",), ("GET", "HEAD")]
    assert found.reasons == ("unguarded: no AUTHEN or AUTHZ handler applies, as for POST /a",)
    assert found.handlers[0].is_partial


def test_a_view_that_takes_every_method_is_looked_at_for_those_that_nobody_names(chain):
    chain.authen("/a", methods=["GET", "POST"])(nobody)
    found = of(chain, methods=None)
    assert (found.state, found.methods) == ("partial", ("*",))
    assert found.cases[0].methods == ("*",)
    assert "as for any other method /a" in found.reasons[0]


def test_the_method_that_stands_for_all_others_is_no_method_that_can_be_named(chain):
    chain.authen("/a", methods=["*"])(nobody)
    assert of(chain, methods=None).state == "partial"


def test_a_guard_for_some_hosts_is_partial(chain):
    chain.authen("/a", hosts="one.example")(nobody)
    found = of(chain)
    assert found.state == "partial"
    assert [(case.state, case.hosts) for case in found.cases] == [("unguarded", ("*",)), ("guarded", ("one.example",))]
    assert "GET /a with any other host" in found.reasons[0]


def test_an_opening_for_some_hosts_is_told_with_the_host(chain):
    chain.authen(nobody)
    chain.section("/a", hosts="one.example", without=nobody)
    assert "GET /a with the host one.example" in of(chain).reasons[0]


def test_a_guard_under_a_condition_is_partial(chain):
    chain.authen("/a", when=weekend)(nobody)
    found = of(chain)
    assert found.state == "partial"
    assert [(case.state, case.conditions) for case in found.cases] == [
        ("unguarded", ("not when=weekend",)),
        ("guarded", ("when=weekend",)),
    ]
    assert found.reasons[0].endswith("as for GET /a where not when=weekend")
    assert found.handlers[0].conditions == ("when=weekend",)


def test_conditions_on_files_are_not_decided(tmp_path):
    chain = quiet(document_root=tmp_path)
    chain.authen(directory="private")(nobody)
    chain.authz(files="*.pdf")(everybody)
    assert of(chain).state == "partial"


def test_a_condition_that_changes_nothing_about_who_passes_is_not_told(chain):
    chain.authen(nobody)
    chain.access(when=weekend)(everybody)
    found = of(chain)
    assert found.state == "guarded"
    assert [handler.is_partial for handler in found.handlers] == [True, False]


def test_more_conditions_than_can_be_looked_at_are_not_decided(chain):
    chain.authen("/a")(nobody)
    for number in range(9):
        chain.authz("/a", when=lambda req, number=number: number, name=f"authz {number}")(lambda req: None)
        chain.access("/b", when=lambda req, number=number: number, name=f"access {number}")(lambda req: None)
    assert set(states(of(chain, "/b"))) == {"unguarded"}
    found = of(chain)
    assert found.state == "unguarded"
    assert "can't be decided: it depends on 9 conditions at once" in found.reasons[0]


def test_places_that_are_too_entangled_are_not_decided(chain):
    chain.authen(nobody)
    for number in range(12):
        chain.access(re.compile(f"a.{{{number}}}b"))(lambda req: None)
    found = of(chain, "/<path>", paths=joined(literal("/"), matching(".*")))
    assert found.state == "guarded"  # the expressions are taken either way
    many = quiet()
    many.authen(nobody)
    for number in range(400):
        many.access(f"/{number:03}{'x' * 20}")(lambda req: None)
    found = of(many, "/<path>", paths=joined(literal("/"), matching(".*")))
    assert "can't be decided: there are too many kinds of paths" in found.reasons[0]


# --- paths


def test_a_route_that_reaches_into_several_sections_is_shown_with_each(chain):
    chain.section("/a").authen(nobody)
    chain.section("/open", public=True)
    found = of(chain, "/<path>", paths=joined(literal("/"), matching(".+")))
    assert (found.state, states(found)) == ("partial", ["unguarded", "public", "guarded"])
    assert [case.path for case in found.cases] == ["/x", "/open", "/a"]
    assert len(found.reasons) == 1


def test_a_route_that_is_guarded_but_for_a_public_part_is_public(chain):
    chain.authen(nobody)
    chain.section("/open", public=True)
    found = of(chain, "/<path>", paths=joined(literal("/"), matching(".+")))
    assert (found.state, found.is_failing) == ("public", False)
    assert found.reasons[0].startswith("public: section /open")
    assert found.reasons[0].endswith("as for GET /open")


def test_an_unguarded_route_with_a_public_part_is_unguarded(chain):
    chain.section("/open", public=True)
    assert of(chain, "/<path>", paths=matching("/.+")).state == "unguarded"


@pytest.mark.parametrize(
    ("location", "options", "state"),
    [
        ("/users", {}, "guarded"),
        ("/user", {}, "unguarded"),
        ("/users", {"exact": True}, "unguarded"),
        ("/users/1", {}, "partial"),
        ("/users/x", {}, "unguarded"),
        ("/users/1/edit", {"exact": True}, "partial"),
        (re.compile(r"^/users/\d+/edit$"), {}, "guarded"),
        (re.compile(r"^/users/\d/edit$"), {}, "partial"),
        (re.compile("edit"), {}, "guarded"),
        (re.compile("delete"), {}, "unguarded"),
        (re.compile("(?i)EDIT"), {}, "partial"),
        (re.compile("/(?=users)"), {}, "partial"),
    ],
)
def test_a_section_covers_all_some_or_none_of_a_routes_paths(chain, location, options, state):
    chain.section(location, **options).authen(nobody)
    paths = joined(literal("/users/"), matching("[0-9]+"), literal("/edit"))
    assert of(chain, "/users/<int:id>/edit", paths=paths).state == state


@pytest.mark.parametrize(
    ("location", "options", "path", "state"),
    [
        (re.compile("^/x$"), {}, "/in/x", "guarded"),
        (re.compile("^/$"), {}, "/in", "guarded"),
        (re.compile("^/$"), {}, "/in/", "guarded"),
        (re.compile("^/y$"), {}, "/in", "unguarded"),
        ("/", {"exact": True}, "/in", "guarded"),
        ("/", {"exact": True}, "/in/x", "unguarded"),
    ],
)
def test_nested_locations_are_seen_from_the_section_around_them(chain, location, options, path, state):
    chain.section("/in").section(location, **options).authen(nobody)
    assert of(chain, path).state == state
    assert of(chain, path, paths=either(literal(path), literal(path))).state == state


def test_an_expression_that_is_not_understood_inside_a_section_is_taken_either_way(chain):
    chain.section("/in", methods=["GET"], hosts="one.example").authen(re.compile("(?i)^/X"))(nobody)
    assert of(chain, "/in/x").state == "partial"
    assert of(chain, "/out/x").state == "unguarded"
    assert of(chain, "/in/x", methods=["POST"]).state == "unguarded"
    found = of(chain, "/in/x")
    assert {case.conditions for case in found.cases} == {("~ (?i)^/X",), ()}


# --- endpoints


def test_a_section_by_endpoint_is_decided_where_the_endpoint_is_known(chain):
    chain.section(endpoint="admin.*").authen(nobody)
    assert of(chain, endpoint="admin.users").state == "guarded"
    assert of(chain, endpoint="index").state == "unguarded"
    assert of(chain).state == "partial"


def test_a_chain_that_does_not_know_a_routes_endpoint_does_not_go_by_it(chain):
    chain.section(endpoint="admin.*").authen(nobody)
    route = Route("/a", literal("/a"), frozenset({"GET"}), endpoint="admin.users")
    assert audit(Surface("app", (route,), chain)).routes[0].state == "partial"
    below = Surface(
        "app", (), chain, knows_endpoints=True, mounts=(Mounted("", literal(""), Surface("sub", (route,))),)
    )
    assert audit(below).routes[0].state == "partial"


# --- handlers


def test_an_authz_handler_behind_an_inner_one_is_asked_only_if_that_declines(chain):
    chain.authen(nobody)
    chain.authz(everybody)
    chain.section("/a").authz(somebody)
    found = of(chain)
    told = {handler.name.rpartition(".")[2]: handler.only_if_declines for handler in found.handlers}
    assert told["everybody"].endswith("somebody")
    assert (told["somebody"], told["nobody"]) == (None, None)


def test_where_all_authz_handlers_must_agree_none_waits_for_another():
    chain = quiet(authorization="all")
    chain.authen(nobody)
    chain.authz(everybody)
    chain.section("/a").authz(somebody)
    found = of(chain)
    assert [handler.only_if_declines for handler in found.handlers] == [None, None, None]
    assert found.cases[0].authorization == "all"


def test_authz_handlers_of_one_section_do_not_stand_behind_each_other(chain):
    chain.authz(everybody)
    chain.authz(somebody)
    assert [handler.only_if_declines for handler in of(chain).handlers] == [None, None]


def test_handlers_are_listed_by_phase(chain):
    chain.authz(everybody)
    chain.authen(nobody)
    chain.access(somebody)
    assert names(of(chain)) == [("ACCESS", "somebody"), ("AUTHEN", "nobody"), ("AUTHZ", "everybody")]


# --- surfaces


def test_without_a_chain_everything_is_unguarded_and_says_why():
    routes = (
        Route("/a", literal("/a"), frozenset({"POST", "GET"})),
        Route("/b", literal("/b")),
        Route("/c", literal("/c"), kind="websocket"),
    )
    found = audit(Surface("app", routes, unguarded="write this")).routes
    assert [route.methods for route in found] == [("GET", "POST"), ("*",), ("WEBSOCKET",)]
    assert found[0].reasons == ("write this, as for GET /a",)
    assert audit(Surface("app", routes)).routes[0].reasons[0].startswith("no chain stands before it")


def test_a_request_that_passes_two_chains_is_guarded_as_the_better_one_guards_it(chain):
    inner = quiet()
    inner.section("/admin").authen(nobody)
    chain.section("/sub/open").authen(nobody)
    routes = tuple(Route(path, literal(path), frozenset({"GET"})) for path in ("/admin", "/open", "/x"))
    found = audit(Surface("app", (), chain, mounts=(Mounted("/sub", literal("/sub"), Surface("s", routes, inner)),)))
    assert {route.path: route.state for route in found.routes} == {
        "/sub/admin": "guarded",
        "/sub/open": "guarded",
        "/sub/x": "unguarded",
    }


def test_a_mount_point_without_a_slash_belongs_to_the_root_of_what_is_mounted(chain):
    chain.section("/sub", exact=True, public=True)
    chain.authen(nobody)
    root = Surface("s", (Route("/", literal("/"), frozenset({"GET"})), Route("/x", literal("/x"), frozenset({"GET"}))))

    def states_of(mounted):
        return [route.state for route in audit(Surface("app", (), chain, mounts=(mounted,))).routes]

    assert states_of(Mounted("/sub", literal("/sub"), root)) == ["guarded", "guarded"]
    assert states_of(Mounted("/sub", literal("/sub"), root, is_bare=True)) == ["public", "guarded"]
    wrapped = Surface("w", mounts=(Mounted("", literal(""), root),))
    assert states_of(Mounted("/sub", literal("/sub"), wrapped, is_bare=True)) == ["public", "guarded"]


def test_a_websocket_is_guarded_as_the_get_that_opens_it(chain):
    chain.authen("/a", methods=["GET"])(nobody)
    found = of(chain, methods=None, kind="websocket")
    assert (found.state, found.methods, found.cases[0].methods) == ("guarded", ("WEBSOCKET",), ("WEBSOCKET",))


def test_of_an_app_that_is_not_known_everything_below_is_one_mount(chain):
    chain.section("/sub/a").authen(nobody)
    mounted = Mounted("/sub", literal("/sub"), unknown_app(nobody))
    (found,) = audit(Surface("app", (), chain, mounts=(mounted,))).routes
    assert (found.kind, found.path, found.name, found.state) == ("mount", "/sub", "nobody", "partial")
    assert [case.path for case in found.cases] == ["/sub", "/sub/a"]


# --- chains


def test_a_chain_alone_is_audited_by_its_sections_and_handlers(chain):
    chain.section("/admin").authen(nobody)
    chain.section("/log-in", exact=True, public=True)
    chain.section("/api").section(re.compile(r"^/v\d")).fixup(nobody)
    chain.content("/hello", methods=["GET"])(everybody)
    chain.content(re.compile("^/x"))(somebody)
    chain.fixup("/unseen")(nobody)
    found = {route.path: route for route in audit(chain).routes}
    assert {path: (route.state, route.kind) for path, route in found.items()} == {
        "/admin": ("guarded", "location"),
        "/log-in": ("public", "route"),
        "/api": ("unguarded", "location"),
        r"/api ~ ^/v\d": ("unguarded", "location"),
        "/hello": ("unguarded", "location"),
        "~ ^/x": ("unguarded", "location"),
    }
    assert found["/hello"].methods == ("GET", "HEAD")
    assert found["/hello"].name.endswith("everybody")
    assert found["/admin"].name == "a section"


def test_a_chain_with_a_document_root_has_files_everywhere(tmp_path):
    chain = quiet(document_root=tmp_path)
    chain.authen("/private")(nobody)
    found = {route.path: route for route in audit(chain.wsgi()).routes}
    assert (found["/"].state, found["/"].name) == ("partial", f"files of {tmp_path}")
    assert "/" in {route.path for route in audit(chain.wsgi(nobody)).routes}


def test_a_chain_that_answers_nothing_guards_everything_else(chain):
    chain.authen("/admin")(nobody)
    assert {route.path: route.name for route in audit(chain).routes}["/"] == "everything else"


def test_an_app_behind_a_chain_that_is_not_known_is_one_mount(chain):
    chain.authen("/admin")(nobody)
    chain.content("/hello")(everybody)
    for app in (chain.wsgi(nobody), chain.asgi(nobody)):
        found = audit(app)
        assert found.name == "nobody, guarded by the chain 'hooks'"
        assert [(route.path, route.kind, route.state) for route in found.routes] == [
            ("/hello", "location", "unguarded"),
            ("", "mount", "partial"),
        ]


def test_a_handler_of_the_chain_is_looked_at_where_it_answers_alone(chain):
    section = chain.section("/in", hosts="one.example", when=weekend)
    section.authen(nobody)
    section.content("/page", methods=["POST"])(everybody)
    chain.section(re.compile("^/in/(page|other)$")).section(re.compile("(?i)^/IN")).content(somebody)
    found = {route.name.rpartition(".")[2]: route for route in audit(chain.wsgi(nobody)).routes}
    assert (found["everybody"].state, found["everybody"].cases[0].conditions) == ("guarded", ("when=weekend",))
    assert found["everybody"].cases[0].hosts == ("one.example",)
    assert found["somebody"].state == "partial"


def test_a_handler_under_a_condition_is_looked_at_without_the_conditions_of_others():
    chain = quiet(satisfy="any")
    chain.access(when=holiday)(everybody)
    chain.authen(nobody)
    chain.content(when=weekend)(everybody)
    (found,) = audit(chain.wsgi()).routes
    assert {case.state: case.conditions for case in found.cases} == {
        "partial": ("when=weekend", "when=holiday"),
        "guarded": ("when=weekend", "not when=holiday"),
    }


@pytest.mark.parametrize(("location", "state"), [("/hello", "guarded"), ("/x", "unguarded")])
def test_what_a_chain_behind_another_answers_is_guarded_by_both(chain, location, state):
    inner = quiet()
    inner.content("/hello")(everybody)
    chain.authen(location)(nobody)
    found = audit(chain.wsgi(inner.wsgi(nobody)))
    assert {route.path: route.state for route in found.routes}["/hello"] == state


def test_a_handler_of_the_chain_that_never_applies_is_not_listed(chain):
    chain.section("/a", exact=True).content("/b")(everybody)
    assert [route.path for route in audit(chain).routes] == ["/a"]


def test_what_is_neither_an_app_nor_a_chain_is_refused():
    with pytest.raises(NoSurfaceError, match="there is no chain in 7"):
        audit(7)


def test_a_wrong_chain_is_no_audit(chain):
    chain.access(nobody, name="a", requires="nobody at all")
    with pytest.raises(CompileError):
        audit(chain)


class Wrapper:
    def __init__(self, app):
        self.app = app


def test_a_wrapper_around_a_chain_is_told(chain):
    found = audit(Wrapper(chain.wsgi(nobody)))
    assert found.notes == ("Wrapper stands before all of it: what it answers itself is not looked at",)
    assert len(found.routes) == 1
    with pytest.raises(NoSurfaceError):
        audit(Wrapper(nobody))
    with pytest.raises(NoSurfaceError):
        audit(Wrapper(None))


# --- sources


class Callable:
    def __call__(self, req): ...


def test_the_source_of_a_view_is_where_it_is_written():
    assert re.search(r"test_audit\.py:\d+$", source_of(nobody))
    assert source_of(Callable()) == source_of(Callable)
    assert source_of(len) == ""
    assert source_of(type("Made", (), {})) == ""
    assert rest_of_path().has_end


# --- the report


@pytest.fixture
def report(chain, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    chain.section("/in").authen(nobody, name="shop.by_token")
    chain.section("/in", when=weekend).authz(everybody, name="shop.may")
    chain.section("/in/deep", when=weekend).authz(somebody, name="shop.may_deep")
    chain.section("/open", public=True)
    routes = (
        Route("/in", literal("/in"), frozenset({"GET"}), "shop.inside", source=f"{tmp_path}/shop.py:7"),
        Route("/in/deep", literal("/in/deep"), None, "shop.deep"),
        Route("/open", literal("/open"), frozenset({"GET"}), "shop.open", source="/elsewhere/shop.py:9"),
        Route("/a:b,c%", literal("/a:b"), frozenset({"GET"}), "shop.a", source=f"{tmp_path}/a,b/shop.py:8"),
        Route("/x", literal("/x"), frozenset({"GET"}), "shop.x", source="/elsewhere/shop.py:11"),
        Route("/y", literal("/y"), frozenset({"GET"}), "shop.y"),
        Route("", rest_of_path(), None, "sub", source="/elsewhere/subs/application.py:12", kind="mount"),
    )
    return audit(Surface("my app", routes, chain, notes=("look at this",)))


def test_the_table_shows_what_has_to_be_looked_at_first(report):
    text = str(report)
    assert text.startswith("my app\n  note: look at this\n\nunguarded  GET  /a:b,c%")
    order = [line.split()[0] for line in text.splitlines() if line[:1] in "upcg" and "GET" in line]
    assert order == sorted(order, key=["unguarded", "partial", "closed", "public", "guarded"].index)
    assert "shop.py:7" in text
    assert str(report) == repr(report)
    assert text.endswith("7 routes: 3 unguarded, 1 partial, 1 public, 2 guarded")
    assert "/..." in text


def test_the_table_tells_what_narrows_a_handler(report):
    lines = [line.strip() for line in str(report).splitlines()]
    assert "partial: only if when=weekend" in lines
    assert "partial: not for all requests" in lines
    assert "only if shop.may_deep declines" in lines


def test_a_narrow_table_puts_places_below(report):
    narrow = report.text(50)
    assert max(map(len, narrow.splitlines())) < max(map(len, str(report).splitlines()))
    assert "/in" in [line.split()[0] for line in narrow.splitlines() if line]
    assert "shop.inside  shop.py:7" in narrow
    assert narrow != report.text(200)


def test_the_report_prints_itself(report):
    stream = io.StringIO()
    report.print(stream)
    assert stream.getvalue().startswith("my app\n")


def test_an_app_without_routes_has_a_report():
    assert str(audit(Surface("app"))) == "app\n\n0 routes"
    assert audit(Surface("app")).as_dict()["ok"] is True


def test_the_lines_say_which_part_each_piece_plays(report):
    roles = {piece.role for line in report.lines() for piece in line}
    assert {"title", "unguarded", "public", "guarded", "note"} <= roles


def test_the_json_form_is_plain_data(report):
    told = json.loads(json.dumps(report.as_dict()))
    assert list(told) == ["name", "ok", "counts", "notes", "routes"]
    assert (told["ok"], told["counts"]["unguarded"], told["notes"]) == (False, 3, ["look at this"])
    route = told["routes"][-1]
    assert list(route) == ["state", "path", "methods", "kind", "name", "source", "handlers", "cases"]
    assert list(route["handlers"][0]) == [
        "phase", "name", "section", "origin", "section_origin", "conditions", "is_partial", "only_if_declines",
    ]  # fmt: skip
    assert list(route["cases"][0]) == [
        "state", "reason", "methods", "hosts", "path", "conditions", "handlers", "satisfy", "authentication",
        "authorization",
    ]  # fmt: skip


def test_githubs_annotations_stand_at_the_view(report):
    lines = report.annotations()
    assert len(lines) == len(report.failing) == 4
    assert lines[0] == (
        "::error file=a%2Cb/shop.py,line=8,title=hookchain audit%3A unguarded::"
        "GET /a:b,c%25: no AUTHEN or AUTHZ handler applies, as for GET /a:b"
    )


def test_an_annotation_of_a_view_elsewhere_has_no_file(report):
    told = [line for line in report.annotations() if "GET /x:" in line or "GET /y:" in line]
    assert [line.partition("::GET")[0] for line in told] == ["::error title=hookchain audit%3A unguarded"] * 2
