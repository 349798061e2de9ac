"""Scopes: what a location, method, host, directory, file name, endpoint or condition covers."""

from __future__ import annotations

import pathlib
import re

import pytest
from werkzeug.datastructures import Headers

from hookchain import OK, HookChain, Request
from hookchain.scopes import canonical_host, make_scope
from hookchain.testing import make_request
from tests.asking import Calls, by_handle, quiet


def covered(path="/", method="GET", *, headers=None, **scope):
    """Tell whether a handler of this scope runs for a request."""
    ran = Calls()
    hooks = quiet()
    hooks.access(**scope)(ran.handler("ran"))
    by_handle(hooks, path, method, **({"headers": headers} if headers else {}))
    return ran == ["ran"]


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/x", "/admin//x"])
def test_a_location_covers_itself_and_what_lies_below(path):
    assert covered(path, location="/admin")
    assert covered(path, location="/admin/")


@pytest.mark.parametrize("path", ["/", "/administrator", "/x/admin", "/Admin"])
def test_a_location_covers_nothing_else(path):
    assert not covered(path, location="/admin")


def test_the_root_covers_everything():
    assert all(covered(path, location="/") for path in ("/", "/a", "/a/b/"))


def test_an_exact_location_covers_the_path_alone():
    assert covered("/admin", location="/admin", exact=True)
    assert not covered("/admin/", location="/admin", exact=True)
    assert not covered("/admin/x", location="/admin", exact=True)
    assert covered("/admin/", location="/admin/", exact=True)
    assert not covered("/admin", location="/admin/", exact=True)
    assert covered("/", location="/", exact=True)
    assert not covered("/x", location="/", exact=True)


def test_an_exact_location_counts_from_the_section_around():
    hooks = quiet()
    hooks.section("/a").content("/b", exact=True)(lambda req: "b")
    hooks.section("/a").content("/", exact=True)(lambda req: "root")
    assert [by_handle(hooks, path).text[:4] for path in ("/a/b", "/a")] == ["b", "root"]
    assert [by_handle(hooks, path).status for path in ("/a/b/", "/a/x", "/b")] == [404, 404, 404]


def test_a_regular_expression_is_searched_in_the_path_and_its_named_groups_are_path_params(ask):
    hooks = quiet()
    hooks.content(re.compile(r"/users/(?P<name>[^/]+)/(?P<part>x)?"))(lambda req: dict(req.path_params))
    assert ask(hooks, "/site/users/ann/x").text == '{"name": "ann", "part": "x"}'
    assert ask(hooks, "/users/ann/y").text == '{"name": "ann"}'
    assert ask(hooks, "/users/").status == 404


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (r"^/admin/.*$", "/admin/x%0ay"),
        (r"^/admin/.+\Z", "/admin/%0a"),
        (r"(?i)^/ADMIN/[$\]x].$", "/admin/$%0a"),
    ],
)
def test_a_line_feed_gets_no_path_around_a_regular_expression(pattern, path):
    assert covered(path, location=re.compile(pattern))


@pytest.mark.parametrize("pattern", [r"^/open$", r"^/(open|[$]|\$)$", r"^/op[^]$]n$"])
def test_the_end_in_a_regular_expression_is_not_before_a_line_feed(pattern):
    assert covered("/open", location=re.compile(pattern))
    assert not covered("/open%0a", location=re.compile(pattern))


def test_a_regular_expression_of_several_lines_stays_one():
    assert covered("/open%0ax", location=re.compile(r"^/open$", re.MULTILINE))


def test_a_regular_expression_in_a_section_sees_the_path_below_it(ask):
    hooks = quiet()
    section = hooks.section("/api").section(re.compile(r"^/(?P<version>v\d)"))
    section.content("/x")(lambda req: "never")
    section.content(re.compile(r"/(?P<id>\d+)\Z"))(lambda req: dict(req.path_params))
    assert ask(hooks, "/api/v1/7").text == '{"version": "v1", "id": "7"}'
    assert ask(hooks, "/v1/7").status == 404


@pytest.mark.parametrize(
    ("methods", "covering", "others"),
    [
        ("GET", ["GET", "HEAD"], ["POST", "OPTIONS"]),
        (["post", "PUT"], ["POST", "PUT"], ["GET", "HEAD", "PATCH"]),
        ("HEAD", ["HEAD"], ["GET"]),
        (None, ["GET", "BREW", "OPTIONS"], []),
    ],
)
def test_methods_cover_what_they_name_and_get_covers_head(methods, covering, others):
    assert all(covered(method=method, methods=methods) for method in covering)
    assert not any(covered(method=method, methods=methods) for method in others)


@pytest.mark.parametrize(
    "host", ["www.example.org", "WWW.example.ORG", "www.example.org:8080", "www.example.org.", "www.example.org.:80"]
)
def test_a_host_is_compared_without_port_and_final_dot_in_lower_case(host):
    assert covered(headers={"Host": host}, hosts="www.Example.org.")


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "www.example.org.evil",
        "www.example.org@evil",
        "www.example.org:x",
        "www.example.org,evil",
        " ",
        ":80",
    ],
)
def test_another_or_a_broken_host_never_matches(host):
    assert not covered(headers={"Host": host}, hosts=["www.example.org"])


def test_a_missing_or_repeated_host_never_matches():
    for headers in (Headers(), Headers([("Host", "a"), ("Host", "a")])):
        ran = Calls()
        hooks = quiet()
        hooks.access(hosts="a")(ran.handler("ran"))
        hooks.handle(Request(headers=headers)).close()
        assert ran == []


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("a:", "a"),
        (None, None),
        ("", None),
        (".", None),
        ("[::1]x", None),
    ],
)
def test_a_host_header_has_one_canonical_name_or_none(value, name):
    assert canonical_host(value) == name


@pytest.fixture
def root(tmp_path):
    (tmp_path / "private" / "deep").mkdir(parents=True)
    for name in ("a.txt", "private/b.txt", "private/deep/c.pdf", "privateer.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_directory_covers_the_files_in_it_and_below(ask, root):
    hooks = quiet(document_root=root)
    hooks.section(directory="private").access(lambda req: 403)
    hooks.section(directory=pathlib.PurePosixPath("/private/deep")).access(lambda req: 402)
    paths = ["/a.txt", "/private/b.txt", "/privateer.txt", "/private/deep/c.pdf"]
    assert [ask(hooks, path).status for path in paths] == [200, 403, 200, 403]


def test_a_directory_covers_the_folder_itself_however_it_is_asked_for(ask, root):
    (root / "link").symlink_to("private")
    hooks = quiet(document_root=root)
    hooks.section(directory="private").access(lambda req: 403)
    assert [ask(hooks, path).status for path in ("/private", "/private/", "/link", "/link/")] == [403] * 4
    assert ask(hooks, "/private.txt").status == 404


def test_a_directory_covers_a_file_that_another_path_leads_to(ask, root):
    hooks = quiet(document_root=root)
    hooks.section(directory="/private").access(lambda req: 403)
    hooks.trans(lambda req: setattr(req, "filename", str(root / "private" / "b.txt")) or OK)
    assert ask(hooks, "/open").status == 403


def test_files_is_a_shell_pattern_of_the_files_name(ask, root):
    hooks = quiet(document_root=root)
    hooks.section(files="*.pdf").access(lambda req: 403)
    paths = ["/a.txt", "/private/deep/c.pdf", "/private/deep/C.PDF"]
    assert [ask(hooks, path).status for path in paths] == [200, 403, 404]


def test_directory_files_and_endpoint_apply_from_header_parser_on(ask, root):
    for scope in ({"directory": "private"}, {"files": "*.txt"}, {"endpoint": "admin.*"}):
        ran = Calls()
        hooks = quiet(document_root=root)
        hooks.map_to_storage(lambda req: setattr(req, "endpoint", "admin.page"))
        section = hooks.section(**scope)
        for phase in ("post_read_request", "trans", "map_to_storage", "header_parser", "fixup", "log"):
            section.register(phase, ran.handler(phase))
        ask(hooks, "/private/b.txt")
        assert ran == ["header_parser", "fixup", "log"], scope


def test_an_endpoint_that_is_none_or_no_name_never_matches(ask):
    for endpoint in (None, print, "other"):
        hooks = quiet()
        hooks.trans(lambda req, endpoint=endpoint: setattr(req, "endpoint", endpoint))
        hooks.section(endpoint="admin*").access(lambda req: 403)
        assert ask(hooks).status == 404


def test_without_a_file_no_directory_and_no_file_pattern_matches(ask):
    hooks = quiet()
    hooks.trans(lambda req: setattr(req, "filename", None))
    hooks.section(directory="/").access(lambda req: 403)
    hooks.section(files="*").access(lambda req: 403)
    assert ask(hooks).status == 404


def test_a_condition_is_a_function_of_the_request(ask):
    hooks = quiet()
    hooks.section(when=lambda req: req.args.get("x")).access(lambda req: 403)
    assert [ask(hooks, path).status for path in ("/?x=1", "/?x=", "/")] == [403, 404, 404]


@pytest.mark.parametrize(
    "phase", ["post_read_request", "trans", "map_to_storage", "header_parser", "access", "type", "fixup", "content"]
)
def test_a_condition_that_raises_is_a_500(ask, phase, error_log):
    hooks = quiet()
    hooks.register(phase, lambda req: None, when=Calls().handler("broken", LookupError("broken when")))
    assert ask(hooks).status == 500
    assert "broken when" in error_log()


def test_conditions_of_sections_around_count_too(ask):
    hooks = quiet()
    hooks.section(when=lambda req: "a" in req.args).section("/in").access(
        lambda req: 403, when=lambda req: "b" in req.args
    )
    assert [ask(hooks, path).status for path in ("/in?a&b", "/in?a", "/in?b", "/?a&b")] == [403, 404, 404, 404]


def test_a_scope_is_shown_as_people_write_it():
    def mobile(req):
        return True

    scope = make_scope(
        "/a", exact=True, methods="PUT", hosts=["b", "a"], directory="d", files="*.f", endpoint="e", when=mobile
    )
    assert scope.describe() == (
        "/a (exact) methods=PUT hosts=a,b directory=d files=*.f endpoint=e "
        "when=test_a_scope_is_shown_as_people_write_it.<locals>.mobile"
    )
    assert make_scope(re.compile("x+")).describe() == "~ x+"
    assert make_scope().describe() == ""
    assert make_scope().is_empty
    assert not make_scope("/").is_empty


def test_sections_are_shown_with_all_that_is_around_them():
    hooks = HookChain()
    hooks.section("/a", methods="PUT").section(hosts="b").access("/c")(lambda req: None)
    nodes = hooks.plan.tree.nodes
    assert [node.describe() for node in nodes] == ["everywhere", "/a methods=PUT", "/a hosts=b", "hosts=b /a/c"]
    assert make_request("/a").path == "/a"
