"""What a chain makes of an ASGI scope, and what the app behind it gets: the one path above all."""

from __future__ import annotations

import asyncio

import pytest
from werkzeug.exceptions import Forbidden

from hookchain import OK, HookChainError, current_request
from tests.adapters.asgi_server import Server, http_scope, request_message, serve, socket_scope
from tests.asking import quiet


async def echo(scope, receive, send):
    """Answer with what it is asked for."""
    while (await receive()).get("more_body"):
        pass
    body = f"{scope['path']} {scope.get('raw_path', b'').decode()} {scope['query_string'].decode()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


class Seen:
    """A chain that keeps the request and the scope that its app gets."""

    def __init__(self, **options):
        self.hooks = quiet(**options)
        self.req = self.scope = None
        self.hooks.post_read_request(self.keep)

    def keep(self, req):
        self.req = req

    async def app(self, scope, receive, send):
        self.scope = scope
        await echo(scope, receive, send)

    def ask(self, scope, **options):
        return serve(self.hooks.asgi(self.app), scope, **options)


def test_a_request_tells_what_the_server_told():
    seen = Seen()
    seen.ask(
        http_scope(
            "/a%20b?x=1",
            "POST",
            [("Host", "example.org"), ("X-Twice", "1"), ("X-Twice", "2"), ("X-Odd", "\xe9")],
            client=("192.0.2.1", 4711),
            server=("198.51.100.1", 8080),
            http_version="2",
            scheme="https",
        )
    )
    req = seen.req
    assert (req.method, req.path, req.query_string, req.unparsed_uri) == ("POST", "/a b", b"x=1", "/a%20b?x=1")
    assert (req.remote_addr, req.server, req.scheme, req.protocol) == (
        "192.0.2.1",
        ("198.51.100.1", 8080),
        "https",
        "HTTP/2",
    )
    assert req.headers.getlist("X-Twice") == ["1", "2"]
    assert req.headers["X-Odd"] == "\xe9"
    assert req.host == "example.org"
    assert req.environ is None
    assert req.asgi_scope["path"] == "/a b"


def test_what_the_server_does_not_know_is_none():
    seen = Seen()
    scope = http_scope("/", client=None, server=None)
    for name in ("raw_path", "root_path", "extensions", "state"):
        del scope[name]
    seen.ask(scope)
    assert (seen.req.remote_addr, seen.req.server) == (None, None)
    assert seen.req.unparsed_uri == "/"
    assert "raw_path" not in seen.scope


def test_a_header_value_that_is_folded_is_one_line():
    seen = Seen()
    scope = http_scope()
    scope["headers"] = [(b"x-folded", b"a\r\n b\nc")]
    seen.ask(scope)
    assert seen.req.headers["X-Folded"] == "a   b c"


@pytest.mark.parametrize(
    "target",
    ["/private", "//private", "/./private", "/x/../private", "/x/%2e%2e/private", "/%2Fprivate", "/.//private/."],
)
def test_the_app_gets_the_path_that_the_sections_saw_in_every_key(target):
    seen = Seen()
    guarded = []
    seen.hooks.access("/private")(lambda req: guarded.append(req.path))
    seen.ask(http_scope(target + "?q=/../x"))
    assert guarded
    assert seen.scope["path"].rstrip("/") == "/private"
    assert seen.scope["raw_path"] == seen.scope["path"].encode()
    assert seen.scope["query_string"] == b"q=/../x"


@pytest.mark.parametrize("target", ["http://x/private", "HTTPS://user:word@x:8080//private", "http://x/y/../private"])
def test_a_target_that_is_a_whole_url_means_its_path(target):
    seen, guarded = Seen(), []
    seen.hooks.access("/private")(lambda req: guarded.append(req.unparsed_uri))
    seen.ask(http_scope(target))
    assert guarded == [target]
    assert (seen.scope["path"], seen.scope["raw_path"]) == ("/private", b"/private")
    assert seen.ask(http_scope("http://x")).body == b"/ / "


def test_names_that_are_not_ascii_are_decoded_once_and_encoded_once():
    seen = Seen()
    seen.ask(http_scope("/%C3%A4/b%2520c;d"))
    assert seen.req.path == "/ä/b%20c;d"
    assert (seen.scope["path"], seen.scope["raw_path"]) == ("/ä/b%20c;d", b"/%C3%A4/b%2520c;d")


@pytest.mark.parametrize("target", ["/..", "/a/../../b", "/%00", "/a/%2e%2e/%2e%2e/etc", "nothing", "ftp://x/y"])
def test_a_path_that_means_nothing_is_a_bad_request(target):
    seen = Seen()
    assert seen.ask(http_scope(target)).status == 400
    assert seen.scope is None


def test_bytes_that_are_no_text_are_a_bad_request_however_the_server_decodes_them():
    seen = Seen()
    assert seen.ask(http_scope("/%ff")).status == 400
    assert seen.ask(http_scope("/%ff", path="/\ufffd")).status == 400
    assert seen.scope is None
    assert seen.ask(http_scope("/%ef%bf%bd", path="/\ufffd")).status == 200
    assert seen.scope["path"] == "/\ufffd"


@pytest.mark.parametrize(
    ("root", "path", "below", "told"),
    [
        ("", "/x", "/x", "/x"),
        ("/api", "/api/x", "/x", "/api/x"),
        ("/api/", "/api/x", "/x", "/api/x"),
        ("/api", "/api", "/", "/api/"),
        ("/api", "/api/", "/", "/api/"),
        ("/api", "/api//x/../y", "/y", "/api/y"),
        ("/api", "/api/api/x", "/api/x", "/api/api/x"),
        ("/api", "/apix", "/apix", "/api/apix"),
        # A server or framework that has taken the mount point away already.
        ("/api", "/x", "/x", "/x"),
        ("/api", "/", "/", "/"),
        ("/api", "//x", "/x", "/x"),
        # An app would take the mount point away from these: so it is taken away here.
        ("/api", "//api/x", "/x", "/api/x"),
        ("/api", "/./api/x", "/x", "/api/x"),
        ("/api", "/y/../api/x", "/x", "/api/x"),
        ("/api", "/x/api/y", "/x/api/y", "/api/x/api/y"),
    ],
)
def test_the_mount_point_is_taken_away_by_whole_segments_and_put_back_for_the_app(root, path, below, told):
    seen = Seen()
    seen.ask(http_scope(root_path=root, path=path))
    assert seen.req.path == below
    assert (seen.scope["path"], seen.scope["raw_path"]) == (told, told.encode())
    assert seen.scope["root_path"] == root


def test_a_path_that_climbs_out_of_the_mount_point_is_a_bad_request():
    seen = Seen()
    assert seen.ask(http_scope(root_path="/api", path="/api/../x")).status == 400
    assert seen.ask(http_scope(root_path="/api", path="/../x")).status == 400


def test_a_rewritten_path_is_guarded_and_routed_as_the_new_one():
    seen = Seen()
    seen.hooks.trans(lambda req: setattr(req, "path", "/new//x/../ä") if req.path == "/old" else None)
    seen.ask(http_scope("/old", root_path="/api"))
    assert (seen.scope["path"], seen.scope["raw_path"]) == ("/api/new/ä", b"/api/new/%C3%A4")


def test_the_scope_that_came_in_is_left_as_it_was():
    seen = Seen()
    seen.hooks.authen(lambda req: setattr(req, "user", "ann") or OK)
    scope = http_scope("/a//b")
    before = {**scope, "extensions": dict(scope["extensions"]), "headers": list(scope["headers"])}
    seen.ask(scope)
    assert scope == before
    assert seen.scope["state"] is scope["state"]


def test_where_authen_ran_the_app_gets_its_user_and_no_other():
    seen = Seen(authentication="optional")
    seen.hooks.authen("/guarded")(lambda req: setattr(req, "user", req.args.get("user")))
    seen.ask(http_scope("/guarded?user=ann", user="mallory"))
    assert seen.scope["user"] == "ann"
    seen.ask(http_scope("/guarded", user="mallory"))
    assert "user" not in seen.scope
    assert seen.req.user is None
    seen.ask(http_scope("/", user="from a middleware in front"))
    assert seen.scope["user"] == "from a middleware in front"
    assert seen.req.user is None


def test_the_record_is_in_the_scope_and_is_the_current_request():
    hooks, found = quiet(), []

    async def app(scope, receive, send):
        found.append(scope["hookchain.request"] is current_request())
        await echo(scope, receive, send)

    hooks.post_read_request(lambda req: req.notes.update(who="ann"))
    assert serve(hooks.asgi(app)).status == 200
    assert found == [True]
    with pytest.raises(RuntimeError):
        current_request()


def test_a_method_is_guarded_in_upper_case_and_handed_on_as_it_came():
    seen, guarded = Seen(), []
    seen.hooks.access("/", methods="POST")(lambda req: guarded.append(req.method))
    seen.ask(http_scope("/", "post"))
    assert guarded == ["POST"]
    assert seen.scope["method"] == "post"


# --- lifespan, and what else a server may ask for


def test_alone_a_chain_starts_and_stops_with_the_server():
    server = Server(
        checks=False, incoming=[{"type": "lifespan.startup"}, {"type": "odd"}, {"type": "lifespan.shutdown"}]
    )
    asyncio.run(server.run(quiet().asgi(), {"type": "lifespan"}))
    assert [message["type"] for message in server.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("closed", [False, True])
def test_the_app_lives_as_long_as_the_server(closed):
    async def app(scope, receive, send):
        assert scope == {"type": "lifespan", "state": state}
        scope["state"]["pool"] = (await receive())["type"]

    state: dict[str, str] = {}
    server = Server(checks=False, incoming=[{"type": "lifespan.startup"}])
    asyncio.run(server.run(quiet(closed=closed).asgi(app), {"type": "lifespan", "state": state}))
    assert state == {"pool": "lifespan.startup"}


def test_what_the_chain_does_not_know_goes_to_the_app():
    called = []

    async def app(scope, receive, send):
        called.append(scope)

    asyncio.run(quiet().asgi(app)({"type": "odd"}, None, None))
    assert called == [{"type": "odd"}]


@pytest.mark.parametrize("app", [None, echo])
def test_what_the_chain_does_not_know_is_refused_by_a_closed_one_and_by_one_that_stands_alone(app):
    chain = quiet(closed=app is not None)
    with pytest.raises(HookChainError, match="'odd'"):
        asyncio.run(chain.asgi(app)({"type": "odd"}, None, None))


def test_a_closed_chain_refuses_sockets_and_requests_that_nothing_guards():
    hooks = quiet(closed=True)
    hooks.section("/open", public=True)
    called = []

    async def app(scope, receive, send):
        called.append(scope["path"])
        await echo(scope, receive, send)

    assert serve(hooks.asgi(app), http_scope("/x")).status == 403
    assert serve(hooks.asgi(app), socket_scope("/x")).status == 403
    assert serve(hooks.asgi(app), http_scope("/open")).status == 200
    assert called == ["/open"]


# --- answers that are a framework's own


def test_an_http_exception_is_an_answer():
    def refuse(req):
        raise Forbidden("no")

    hooks = quiet()
    hooks.access(refuse)
    assert serve(hooks.asgi(echo)).status == 403


def test_a_body_that_is_announced_in_no_way_is_still_a_body_from_http_2_on():
    hooks, got = quiet(), []

    @hooks.access
    async def read(req):
        got.append(await req.aget_data())

    for version in ("2", "3"):
        assert serve(hooks.asgi(echo), http_scope("/", "POST", http_version=version), b"body").status == 200
    assert got == [b"body", b"body"]


def test_where_no_body_is_announced_none_is_waited_for():
    hooks, got = quiet(), []
    hooks.access(lambda req: got.append(req.get_data()))
    served = serve(hooks.asgi(echo), http_scope("/", "POST"), incoming=[request_message(b"not announced")])
    assert (served.status, got) == (200, [b""])
