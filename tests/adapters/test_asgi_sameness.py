"""The same chain does the same under WSGI and ASGI, alone and around an app: byte for byte, and handler by handler."""

from __future__ import annotations

import http
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import Forbidden, Gone
from werkzeug.wrappers import Response

from hookchain import DECLINED, DONE, OK, HookChain, InternalRedirect, Phase
from hookchain.phases import CYCLE_PHASES
from hookchain.results import Raised
from tests.adapters.asgi_server import request_message
from tests.asking import by_asgi, by_wsgi, quiet

PAGES: dict[str, tuple[int, list[tuple[str, str]], list[bytes]]] = {
    "/": (200, [("content-type", "text/plain"), ("content-length", "4")], [b"home"]),
    "/cookies": (200, [("content-length", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")], [b"x"]),
    "/stream": (200, [("content-type", "text/plain")], [b"one", b"", b"two"]),
    "/empty": (204, [], []),
    "/same": (304, [("etag", '"x"')], []),
    "/error": (503, [("content-length", "6"), ("retry-after", "9")], [b"broken"]),
    "/evil": (200, [("x-evil", "a\r\nb: c")], [b"x"]),
    "/odd": (299, [("x-odd", "\xe9")], [b"\xff\x00"]),
}


def wsgi_app(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"].encode("latin-1").decode()
    if path == "/raise":
        raise ZeroDivisionError("app")
    if path.startswith("/echo"):
        body = told(path, environ["REQUEST_METHOD"], environ["QUERY_STRING"], environ.get("REMOTE_USER"))
        body += environ["wsgi.input"].read() if environ.get("CONTENT_LENGTH") else b""
        page = (200, [("content-length", str(len(body)))], [body])
    else:
        page = PAGES.get(path, (404, [("content-length", "0")], []))
    status, headers, pieces = page
    start_response(f"{status} {REASONS.get(status, 'Unknown')}", list(headers))
    return iter(list(pieces))


REASONS = {status.value: status.phrase for status in http.HTTPStatus}


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    if path == "/raise":
        raise ZeroDivisionError("app")
    if path.startswith("/echo"):
        body = told(path, scope["method"], scope["query_string"].decode("latin-1"), scope.get("user"))
        message = request_message(more=True)
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        page = (200, [("content-length", str(len(body)))], [body])
    else:
        page = PAGES.get(path, (404, [("content-length", "0")], []))
    status, headers, pieces = page
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    for chunk in pieces:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


def told(path: str, method: str, query: str, user: object) -> bytes:
    return f"{path} {method} {query} {user}\n".encode()


wsgi_app.__qualname__ = asgi_app.__qualname__ = "app"


def outcome(way: Any, chain: HookChain, app: Any, path: str, method: str, options: dict[str, Any]) -> Any:
    """Return all that can be seen from outside, and what ran."""
    chain.keeps_trace = True
    answer = way(chain, path, method, app=app, **options)
    req = answer.req
    return {
        "status": answer.status,
        "headers": [(name.lower(), value) for name, value in answer.headers],
        "body": answer.body,
        "trace": [(entry.phase.name, entry.handler, described(entry.answer), entry.record) for entry in req.trace],
        "record": (req.status, req.bytes_sent, req.aborted, req.decided_by, type(req.exception), req.user),
        "request": (req.path, req.unparsed_uri, req.method, req.remote_addr, req.protocol, req.server, req.scheme),
    }


def described(answer: object) -> str:
    answer = answer.error if isinstance(answer, Raised) else answer
    if isinstance(answer, Response):
        return f"a response {answer.status_code}"
    has_address = isinstance(answer, BaseException) or hasattr(answer, "__next__") or hasattr(answer, "__anext__")
    return type(answer).__name__ if has_address else repr(answer)


def check_same(chain: HookChain, path: str, method: str = "GET", **options: Any) -> Any:
    alone = [outcome(way, chain, None, path, method, options) for way in (by_wsgi, by_asgi)]
    assert alone[0] == alone[1]
    around = [
        outcome(way, chain, app, path, method, options) for way, app in ((by_wsgi, wsgi_app), (by_asgi, asgi_app))
    ]
    assert around[0] == around[1]
    return alone[0], around[0]


def policy(document_root: Any = None) -> HookChain:
    """A chain with something in every phase."""
    hooks = quiet(document_root=document_root, challenge='Basic realm="x"')
    guard(hooks)
    read_bodies(hooks)
    answer(hooks)
    hooks.section("/upper").output_filter(upper)
    hooks.section("/stream").output_filter(upper)

    @hooks.post_read_request
    def number(req):
        req.err_headers_out["X-Request"] = "1"

    @hooks.trans("/old")
    async def move(req):
        req.path = "/echo/new/" + req.path[4:]

    @hooks.fixup
    def fixup(req):
        req.headers_out["X-Out"] = str(req.notes.get("length"))
        yield

    return hooks


def guard(hooks: HookChain) -> None:
    @hooks.access("/blocked")
    def blocked(req):
        return 403

    @hooks.authen("/guarded")
    def authen(req):
        credentials = req.authorization
        req.user = credentials.username if credentials else None
        return OK if req.user else DECLINED

    @hooks.authz("/guarded/root")
    async def authz(req):
        return OK if req.user == "root" else None


def read_bodies(hooks: HookChain) -> None:
    @hooks.access("/read")
    def read(req):
        req.notes["length"] = len(req.get_data())

    @hooks.access("/echo/read")
    async def aread(req):
        req.notes["length"] = len(await req.aget_data(4000))


def answer(hooks: HookChain) -> None:
    @hooks.content("/hello", methods=["GET"])
    def hello(req):
        return {"hello": req.user}

    @hooks.content("/pieces")
    async def pieces(req):
        for number in range(3):
            yield f"{number}\n"

    @hooks.content("/redirect")
    def redirect(req):
        return InternalRedirect("/echo/redirected?x=1")

    @hooks.content("/fail")
    def fail(req):
        raise LookupError("secret")

    @hooks.content("/done")
    def done(req):
        req.status = 201
        return DONE

    @hooks.error_document(403)
    def sorry(req):
        return "sorry\n"

    hooks.error_document(410, "/echo/gone")
    hooks.content("/gone")(lambda req: 410)


def upper(req: Any, response: Any) -> None:
    response.set_data(response.get_data().upper())


ANN = {"auth": ("ann", "x")}
ROOT = {"auth": ("root", "x")}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    *((path, "GET", {}) for path in PAGES),
    *((path, "HEAD", {}) for path in PAGES),
    ("/nowhere", "GET", {}),
    ("/raise", "GET", {}),
    ("/echo/%C3%A4//x/../y%20z?a=1&b=%20", "GET", {}),
    ("/echo", "POST", {"data": b"body"}),
    ("/echo/read", "POST", {"data": b"body"}),
    ("/echo/read", "POST", {"data": b"x" * 5000}),
    ("/read", "POST", {"data": b"x" * 5000}),
    ("/old/x?q", "GET", {}),
    ("/blocked", "GET", {}),
    ("//blocked/", "POST", {"data": b"x"}),
    ("/guarded", "GET", {}),
    ("/guarded", "GET", ANN),
    ("/guarded/root", "GET", ANN),
    ("/guarded/root", "HEAD", ROOT),
    ("/echo/x/../../guarded", "GET", {}),
    ("/hello", "GET", {}),
    ("/hello", "HEAD", {}),
    ("/hello", "POST", {}),
    ("/hello", "get", {}),
    ("/pieces", "GET", {}),
    ("/pieces", "HEAD", {}),
    ("/redirect", "GET", {}),
    ("/fail", "GET", {}),
    ("/done", "GET", {}),
    ("/gone", "GET", {}),
    ("/upper", "GET", {}),
    ("/..", "GET", {}),
    ("/%00", "GET", {}),
    ("/%ff", "GET", {}),
    ("/", "OPTIONS", {}),
    ("/", "TRACE", {}),
    ("/", "ODD", {}),
    ("/", "GET", {"headers": {"X-Odd": "\xe9", "Host": "example.org:8080"}, "remote_addr": "192.0.2.9"}),
    ("/page.txt", "GET", {}),
    ("/page.txt", "HEAD", {}),
    ("/page.txt", "POST", {}),
    ("/page.txt", "GET", {"headers": {"Range": "bytes=1-2"}}),
    ("/page.txt", "GET", {"headers": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}}),
]


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    (root / "page.txt").write_text("page\n")
    return policy(root)


@pytest.mark.parametrize(("path", "method", "options"), REQUESTS, ids=lambda value: str(value)[:40])
def test_a_request_has_the_same_outcome_in_all_places(chain, path, method, options):
    alone, around = check_same(chain, path, method, **options)
    assert alone["trace"]
    assert around["headers"]


# --- any chain

ANSWERS: dict[str, Any] = {
    "None": lambda: None,
    "OK": lambda: OK,
    "DECLINED": lambda: DECLINED,
    "DONE": lambda: DONE,
    "403": lambda: 403,
    "a page": lambda: Response("page", 202, {"X-Page": "1"}),
    "a tuple": lambda: ("text", 203, {"X-Tuple": "1"}),
    "rubbish": lambda: 1.5,
    "text": lambda: "text",
    "a redirect": lambda: InternalRedirect("/b/c?y=2"),
}
FAULTS: dict[str, Any] = {"an error": LookupError("fault"), "forbidden": Forbidden(), "gone": Gone("gone")}
PATHS = ["/", "/a", "/a/b", "/b/c", "/echo", "/stream", "/raise", "/nowhere", "//a", "/a/../b/c"]


def made_handler(name: str, shape: str, answer: str) -> Any:
    def result(req: Any) -> Any:
        req.notes.setdefault("seen", []).append(name)
        req.headers_out.add("X-Seen", name)
        if name.endswith("1"):
            req.user = "ann"
        if answer in FAULTS:
            raise FAULTS[answer]
        return ANSWERS[answer]()

    async def async_result(req: Any) -> Any:
        return result(req)

    def pair(req: Any) -> Any:
        yield result(req)

    async def async_pair(req: Any) -> Any:
        yield result(req)

    handler = {"sync": result, "async": async_result, "pair": pair, "async pair": async_pair}[shape]
    handler.__qualname__ = name
    return handler


def handlers() -> st.SearchStrategy[Any]:
    phases = st.sampled_from([phase.name for phase in Phase])
    shapes = st.sampled_from(["sync", "async", "pair", "async pair"])
    answers = st.one_of(st.sampled_from(["None", "OK", "DECLINED"]), st.sampled_from([*ANSWERS, *FAULTS]))
    return st.tuples(phases, st.sampled_from(["/", "/a", "/a/b", "/b"]), shapes, answers)


@st.composite
def chains(draw: Any) -> HookChain:
    hooks = quiet(
        authentication=draw(st.sampled_from(["required", "optional"])),
        satisfy=draw(st.sampled_from(["all", "any"])),
        closed=draw(st.booleans()),
    )
    for number, (phase, location, drawn, answer) in enumerate(draw(st.lists(handlers(), max_size=8))):
        may_pair = Phase[phase] in CYCLE_PHASES[:-1]
        shape = drawn if may_pair else drawn.replace(" pair", "").replace("pair", "sync")
        hooks.register(phase, made_handler(f"h{number % 3}", shape, answer), location, name=f"h{number}")
    if draw(st.booleans()):
        hooks.error_document(draw(st.sampled_from([403, 404, 500])), draw(st.sampled_from(["text", "/echo", "/a"])))
    if draw(st.booleans()):
        hooks.section(draw(st.sampled_from(["/", "/a", "/stream"]))).output_filter(upper)
    return hooks


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(chains(), st.sampled_from(PATHS), st.sampled_from(["GET", "HEAD", "POST"]))
def test_any_chain_does_the_same_in_all_places(chain, path, method):
    check_same(chain, path, method, **({"data": b"body"} if method == "POST" else {}))
