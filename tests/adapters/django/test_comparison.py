"""The same chain does the same in Django as around a plain WSGI app."""

from __future__ import annotations

import re

import pytest

from hookchain import DECLINED, DONE, OK, HookChain, InternalRedirect, Response
from tests.asking import by_wsgi as around_an_app
from tests.asking import quiet


def plain_app(environ, start_response):
    """Answer as the project's view ``echo`` does."""
    user = environ.get("REMOTE_USER", "")
    path = environ["PATH_INFO"].encode("latin-1").decode()
    body = "\n".join([environ["REQUEST_METHOD"], path, path, environ["QUERY_STRING"], user]).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


def make_chain(root) -> HookChain:
    hooks = quiet(debug=False, document_root=root, challenge='Basic realm="x"', max_body=100)
    hooks.keeps_trace = True

    @hooks.post_read_request
    def first(req):
        req.err_headers_out["X-First"] = "1"

    @hooks.trans
    def rewrite(req):
        if req.path == "/old":
            req.path = "/echo/new"

    @hooks.header_parser
    async def parse(req):
        req.headers_out["X-Parsed"] = "1"

    @hooks.access("/echo/closed")
    def closed(req):
        return 402

    @hooks.access
    def pair(req):
        yield OK
        req.notes["after"] = True

    @hooks.authen("/echo/private")
    async def known(req):
        given = req.authorization
        if given is None:
            return DECLINED
        req.user, req.auth_type = given.username, "Basic"
        return OK

    @hooks.authz("/echo/private/ann")
    def only_ann(req):
        return OK if req.user == "ann" else 429

    @hooks.fixup("/echo/done")
    def done(req):
        req.response = Response("done early", 203)
        return DONE

    @hooks.content("/echo/text", methods=["GET"])
    def text(req):
        req.content_type_out = "text/x-made"
        return "a text ü"

    @hooks.content("/echo/json")
    async def json(req):
        return {"a": [1, 2]}

    @hooks.content("/echo/stream")
    async def stream(req):
        for part in ("one ", "two"):
            yield part

    @hooks.content("/echo/redirect")
    def redirect(req):
        return InternalRedirect("/echo/text")

    @hooks.content("/echo/moved")
    def moved(req):
        req.headers_out["Location"] = "/echo/x"
        return 302

    @hooks.content("/echo/documented")
    def documented(req):
        return 410

    @hooks.error_document(410)
    def gone(req):
        return f"gone from {req.path}"

    @hooks.output_filter("/echo/loud")
    def loud(req, response):
        response.response = [part.upper() for part in response.response]
        response.headers.add("Set-Cookie", "one=1; Path=/")
        response.headers.add("Set-Cookie", "two=2; Path=/")

    @hooks.log
    async def log(req):
        pass

    @hooks.cleanup
    def cleanup(req):
        pass

    return hooks


ANN = {"Authorization": "Basic YW5uOng="}
BOB = {"Authorization": "Basic Ym9iOng="}
REQUESTS = [
    ("/echo/x", {}),
    ("/echo/x?a=b&c=%20", {}),
    ("/echo/x", {"method": "HEAD"}),
    ("/echo/x", {"method": "POST", "data": b"body"}),
    ("/echo/x", {"method": "POST", "data": b"b" * 200}),
    ("/echo/x", {"method": "OPTIONS"}),
    ("/old?kept=1", {}),
    ("/echo//a/./b/../c", {}),
    ("/echo/%C3%BC", {}),
    ("/echo/closed", {}),
    ("/echo/private", {}),
    ("/echo/private", {"headers": ANN}),
    ("/echo/private/ann", {"headers": ANN}),
    ("/echo/private/ann", {"headers": BOB}),
    ("/echo/done", {}),
    ("/echo/text", {}),
    ("/echo/text", {"method": "HEAD"}),
    ("/echo/text", {"method": "PUT"}),
    ("/echo/json", {}),
    ("/echo/stream", {}),
    ("/echo/redirect", {}),
    ("/echo/moved", {}),
    ("/echo/documented", {}),
    ("/echo/loud", {}),
    ("/file.txt", {}),
    ("/file.txt", {"headers": {"Range": "bytes=1-2"}}),
    ("/file.txt", {"method": "TRACE"}),
]


def seen(answer):
    trace = [
        (entry.phase, entry.handler, re.sub(" at 0x.*", "", repr(entry.answer)), entry.record)
        for entry in answer.req.trace
    ]
    headers = sorted((name.lower(), value) for name, value in answer.headers)
    return answer.status, headers, answer.body, trace, answer.req.bytes_sent, answer.req.notes.get("after")


@pytest.mark.parametrize(("path", "options"), REQUESTS, ids=lambda value: str(value)[:40])
def test_status_headers_body_and_trace_are_the_same(ask, path, options, tmp_path):
    (tmp_path / "file.txt").write_text("a file")
    hooks = make_chain(tmp_path)
    there = seen(around_an_app(hooks, path, app=plain_app, **options))
    here = seen(ask(make_chain(tmp_path), path, **options))
    assert here == there


@pytest.mark.parametrize("path", ["/%FF", "/echo/../../x"])
def test_where_django_has_a_page_all_but_the_page_is_the_same(ask, path, tmp_path):
    of_the_page = {"content-type", "content-length"}
    there = seen(around_an_app(make_chain(tmp_path), path, app=plain_app))
    here = seen(ask(make_chain(tmp_path), path))
    assert here[0] == there[0] == 400
    assert [item for item in here[1] if item[0] not in of_the_page] == [
        item for item in there[1] if item[0] not in of_the_page
    ]
    assert here[3] == there[3]
