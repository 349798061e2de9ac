"""The request: httpd's record on top of Werkzeug's, credentials, and the body."""

from __future__ import annotations

import base64

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest
from werkzeug.sansio.request import Request as SansIORequest

from hookchain import OK, HookChain, InternalRedirect, Request
from hookchain.testing import make_request
from tests.asking import by_ahandle, by_handle, quiet


def test_it_is_werkzeugs_sans_io_request_and_adds_httpds_record():
    req = make_request("/a%20b?x=1", "POST", headers={"Host": "h.example"}, remote_addr="192.0.2.7", user="ann")
    assert isinstance(req, SansIORequest)
    assert (req.method, req.path, req.uri, req.args["x"], req.host) == ("POST", "/a b", "/a b", "1", "h.example")
    assert (req.remote_addr, req.user, req.unparsed_uri) == ("192.0.2.7", "ann", "/a%20b?x=1")
    assert (req.filename, req.path_info, req.finfo, req.handler, req.content_type_out) == (None, "", None, None, None)
    assert (req.auth_type, req.status, req.phase, req.main, req.prev, req.next) == (None, 200, None, None, None, None)
    assert (req.notes, req.env, req.endpoint, req.response, req.native) == ({}, {}, None, None, None)
    assert (req.decided_by, req.exception, req.bytes_sent, req.aborted, req.trace) == (None, None, 0, False, None)
    assert list(req.headers_out) == list(req.err_headers_out) == []
    assert req.bytes_received == 0
    assert req.duration >= 0


def test_the_target_is_put_together_again_where_the_server_does_not_tell_it():
    req = Request(path="/a b", query_string=b"x=1", root_path="/mounted/")
    assert req.unparsed_uri == "/mounted/a%20b?x=1"
    assert Request(path="/a").unparsed_uri == "/a"


def test_a_query_that_is_no_ascii_is_quoted():
    assert Request(query_string="ä=1&b=%31".encode()).query_string == b"%C3%A4=1&b=%31"


def test_an_empty_path_is_the_root():
    assert Request(path="").path == "/"


def test_a_target_can_be_asked_for_as_a_server_gets_it():
    assert make_request("*", "OPTIONS").path == "*"
    assert make_request("").path == "/"
    assert make_request("//a").path == "/a"


def test_a_query_can_be_given_apart_from_the_path():
    assert make_request("/a", query_string={"x": "1"}).unparsed_uri == "/a?x=1"
    assert make_request("/a", environ_base={"REMOTE_ADDR": "192.0.2.9"}).remote_addr == "192.0.2.9"


def test_setting_the_path_forgets_what_was_made_of_the_old_one():
    req = make_request("/old")
    assert req.url == "http://localhost/old"
    req.uri = "/new"
    assert (req.url, req.base_url, req.full_path) == ("http://localhost/new", "http://localhost/new", "/new?")


# --- credentials


def basic(text):
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@pytest.mark.parametrize(
    "value",
    [basic("ann:secret"), basic("ann:secret").replace("Basic", "bAsIc"), basic("ann:secret").replace(" ", "   ")],
)
def test_basic_credentials_are_read(value):
    found = make_request(headers={"Authorization": value}).authorization
    assert (found.username, found.password) == ("ann", "secret")


def test_a_password_may_hold_colons_and_other_scripts():
    found = make_request(headers={"Authorization": basic("ann:a:ö")}).authorization
    assert (found.username, found.password) == ("ann", "a:ö")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic YQ",
        basic("no colon"),
        basic("ann:nul\x00"),
        basic("ann\n:x"),
        basic("ann:\x7f"),
        basic(b"\xff:\xff"),
        basic("ann:" + "x" * 9000),
    ],
)
def test_bad_credentials_are_none(value):
    assert make_request(headers={"Authorization": value} if value else {}).authorization is None


def test_repeated_credentials_are_none():
    assert (
        Request(headers=Headers([("Authorization", basic("a:b")), ("Authorization", basic("c:d"))])).authorization
        is None
    )


def test_other_schemes_are_werkzeugs():
    assert str(make_request(headers={"Authorization": "Bearer abc"}).authorization) == "Bearer abc"


# --- the body


def reading(method, **options):
    """Ask for a body by one of the methods, or by its twin to await."""
    hooks = quiet(**options)

    @hooks.content("/sync")
    def sync(req):
        return repr(getattr(req, f"get_{method}")())

    @hooks.content("/async")
    async def coroutine(req):
        return repr(await getattr(req, f"aget_{method}")())

    return hooks


@pytest.mark.parametrize(
    ("method", "given", "shown"),
    [
        ("data", {"data": b"abc"}, "b'abc'"),
        ("json", {"json": {"a": [1]}}, "{'a': [1]}"),
        ("form", {"data": {"a": "1"}}, "ImmutableMultiDict([('a', '1')])"),
        ("form", {"data": b"a=1", "content_type": "text/plain"}, "ImmutableMultiDict([])"),
    ],
)
def test_a_body_is_read_as_bytes_json_or_form(method, given, shown):
    assert by_handle(reading(method), "/sync", "POST", **given).text == shown
    for path in ("/sync", "/async"):
        assert by_ahandle(reading(method), path, "POST", **given).text == shown


def test_what_is_no_json_is_answered_with_400():
    for path in ("/sync", "/async"):
        assert by_ahandle(reading("json"), path, "POST", data=b"{").status == 400
        assert by_ahandle(reading("json"), path, "POST", data=b"[" * 200_000).status == 400
    req = make_request("/", "POST", data=b"{")
    HookChain(access_log=False).begin(req)
    with pytest.raises(BadRequest):
        req.get_json()


def test_a_limit_that_a_handler_sets_is_answered_with_413(ask):
    hooks = quiet()
    hooks.content(lambda req: req.get_data(3))
    assert ask(hooks, "/", "POST", data="1234").status == 413
    assert ask(hooks, "/", "POST", data="123").text == "123"


def test_the_limit_of_the_chain_counts_in_every_place(ask):
    hooks = quiet(max_body=3)
    hooks.content("/data")(lambda req: req.get_data(99))
    hooks.content("/from")(lambda req: InternalRedirect("/data"))
    for path in ("/data", "/from"):
        assert ask(hooks, path, "POST", data="1234").status == 413
        assert ask(hooks, path, "POST", data="123").text == "123"


def test_bytes_received_are_counted(ask):
    seen: list[int] = []
    hooks = quiet()
    hooks.content("/read")(lambda req: req.get_data())
    hooks.log(lambda req: seen.append(req.bytes_received))
    ask(hooks, "/read", "POST", data="12345")
    ask(hooks, "/ignored", "POST", data="12345")
    assert seen == [5, 0]


def test_options_of_the_sections_are_read_through_the_request(ask):
    hooks = quiet(options={"limit": 5})
    hooks.access(lambda req: None if req.options["limit"] == 5 else 500)
    hooks.content(lambda req: OK)
    assert ask(hooks).status == 200


def test_a_redirected_request_reads_the_same_body(ask):
    hooks = quiet()
    hooks.content("/from")(lambda req: req.get_data() and InternalRedirect("/to"))
    hooks.content("/to")(lambda req: req.get_data())
    assert ask(hooks, "/from", "POST", data="body").text == "body"
