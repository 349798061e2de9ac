"""The same chain gives the same trace, status, headers and body in Flask as around a plain WSGI app."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask, request
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request as PlainRequest
from werkzeug.wrappers import Response as PlainResponse

from flask_hookchain import FlaskHookChain
from hookchain import DECLINED, DONE, OK, InternalRedirect, Response
from tests.asking import quiet

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


def answer_of(req):
    """What the app behind the chain answers."""
    text = f"{req.method} {req.script_root}|{req.path}?{req.query_string.decode()} {req.remote_user} "
    text += req.get_data(as_text=True)
    if "stream" in req.args:
        response = PlainResponse((part for part in (text, " more")), content_type="text/plain")
    else:
        response = PlainResponse(text, int(req.args.get("status", 200)), content_type="text/plain")
    response.set_cookie("app", "1")
    response.headers["Vary"] = "Accept"
    return response


@PlainRequest.application
def plain_app(req):
    return answer_of(req)


def flask_app():
    app = Flask("app")
    app.add_url_rule("/", "root", lambda: answer_of(request), methods=METHODS, provide_automatic_options=False)
    app.add_url_rule("/<path:rest>", "any", lambda rest: answer_of(request), methods=[*METHODS, "OPTIONS", "PROPFIND"])
    return app


def empty(hooks, calls):
    """No handler at all."""


def every_phase(hooks, calls):
    for phase in (
        "post_read_request",
        "trans",
        "map_to_storage",
        "header_parser",
        "access",
        "type",
        "fixup",
        "content",
    ):
        hooks.register(phase, calls.handler(phase), name=phase)
    hooks.register("content", calls.handler("content"), name="content")
    hooks.register("log", calls.handler("log"), name="log")
    hooks.register("cleanup", calls.handler("cleanup"), name="cleanup")


def rewriting(hooks, calls):
    @hooks.trans
    def trans(req):
        if req.path.startswith("/old"):
            req.path = "/guarded" + req.path[4:]

    guarding(hooks, calls)


def guarding(hooks, calls):
    @hooks.authen("/guarded")
    def authen(req):
        req.user, req.auth_type = req.args.get("user"), "Query"
        return OK if req.user else DECLINED

    @hooks.authz("/guarded/ops")
    def authz(req):
        return OK if req.user == "ann" else 403


def optional(hooks, calls):
    hooks.section("/guarded", authentication="optional").register("authen", lambda req: DECLINED, name="nobody")


def closed(hooks, calls):
    hooks.settings = quiet(closed=True).settings
    hooks.section("/open", public=True)
    guarding(hooks, calls)


def headers(hooks, calls):
    @hooks.fixup
    def fixup(req):
        req.headers_out["X-Out"] = "1"
        req.err_headers_out["X-Err"] = "1"
        req.headers_out.add("Set-Cookie", "chain=1")

    hooks.access("/guarded")(lambda req: 403)


def answering(hooks, calls):
    hooks.content("/text")(lambda req: "text")
    hooks.content("/json")(lambda req: {"a": 1})
    hooks.content("/tuple")(lambda req: ("body", 202, {"X-Tuple": "1"}))
    hooks.content("/stream")(lambda req: iter(["a", "b"]))
    hooks.content("/response")(lambda req: Response("made", 203, {"X-Made": "1"}))
    hooks.content("/done")(lambda req: DONE)
    hooks.content("/ok", methods=["GET"])(lambda req: OK)
    hooks.fixup("/early")(lambda req: Response("early", 201))
    hooks.content("/to")(lambda req: InternalRedirect("/text?again"))
    hooks.content("/to-app")(lambda req: InternalRedirect("/x?y=1"))
    hooks.content("/to-nowhere")(lambda req: InternalRedirect("/../.."))
    hooks.header_parser("/moved")(lambda req: req.headers_out.set("Location", "/elsewhere") or 302)
    hooks.access("/nothing")(lambda req: 204)
    hooks.access("/same")(lambda req: 304)


def documents(hooks, calls):
    answering(hooks, calls)
    hooks.error_document(403, "the text")
    hooks.error_document(404)(lambda req: f"handler for {req.prev.path}")
    hooks.error_document(410, "/gone?x")
    for status in (403, 404, 410):
        hooks.access(f"/{status}")(lambda req, status=status: status)


def filtering(hooks, calls):
    hooks.input_filter(lambda req, stream: io.BytesIO(stream.read().upper()))

    @hooks.output_filter
    def shout(req, response):
        response.headers["X-Filter"] = "1"
        if "replace" in req.args:
            response.set_data(response.get_data().upper())

    answering(hooks, calls)


def reading(hooks, calls):
    hooks.access(lambda req: calls.append(req.get_data()))


def bounded(hooks, calls):
    hooks.settings = quiet(max_body=4).settings


def pairs(hooks, calls):
    @hooks.header_parser
    def pair(req):
        yield OK if "refuse" not in req.args else 403
        calls.append(f"second half {req.status}")

    @hooks.access
    async def asynchronous(req):
        calls.append("async")
        req.register_cleanup(calls.append, "registered")

    @hooks.fixup
    def added(req):
        req.add_handler("log", lambda req: calls.append(f"added {req.status} {req.bytes_sent}"))


def subrequests(hooks, calls):
    guarding(hooks, calls)

    @hooks.access
    def look(req):
        if req.main is None:
            sub = req.lookup("/guarded/x?user=bob")
            calls.append((sub.status, req.lookup("/guarded").status, req.lookup("/other").status))

    @hooks.content("/included")
    def include(req):
        return b"[" + req.lookup("/part?x=1").run().get_data() + b"]"


CHAINS = [
    empty,
    every_phase,
    rewriting,
    guarding,
    optional,
    closed,
    headers,
    answering,
    documents,
    filtering,
    reading,
    bounded,
    pairs,
    subrequests,
]

PATHS = [
    "/",
    "/x",
    "/x/?a=b&c",
    "//x/./y/../z",
    "/%C3%A9%20x",
    "/%2e%2e/x",
    "/x?status=418",
    "/x?status=404",
    "/x?stream",
    "/x?refuse",
    "/x?replace",
    "/guarded",
    "/guarded?user=ann",
    "/guarded/ops?user=ann",
    "/guarded/ops?user=bob",
    "/old/ops?user=bob",
    "/old?user=ann",
    "/open",
    "/text",
    "/text?replace",
    "/json",
    "/tuple",
    "/stream?replace",
    "/response",
    "/done",
    "/ok",
    "/early",
    "/to",
    "/to-app",
    "/to-nowhere",
    "/moved",
    "/nothing",
    "/same",
    "/403",
    "/404",
    "/410",
    "/included",
]


def requests():
    for path in PATHS:
        yield path, {}
        yield path, {"method": "HEAD"}
    for path in ("/x", "/text", "/guarded?user=ann", "/old?user=ann"):
        yield path, {"method": "POST", "data": b"some body"}
        yield path, {"method": "POST", "data": b"1234"}
        yield path, {"method": "PROPFIND"}
        yield path, {"method": "TRACE"}
    yield "/x", {"base_url": "http://example.org/below"}
    yield "/x", {"environ_overrides": {"REMOTE_USER": "mallory", "AUTH_TYPE": "Forged"}}


class Calls(list[Any]):
    def handler(self, name):
        return lambda req: self.append(name)


class Place:
    """A chain in one place, and what can be seen of a request there."""

    def __init__(self, make, build):
        self.calls, self.ended, hooks = Calls(), [], quiet()
        build(hooks, self.calls)
        hooks.register("log", self.ended.append, name="ended")
        hooks.keeps_trace = True
        self.app = make(hooks)

    def outcome(self, path, options):
        """Send a request; all that a client and the handlers can see of it."""
        self.calls.clear()
        self.ended.clear()
        body, status, sent = run_wsgi_app(self.app, EnvironBuilder(path, **options).get_environ())
        data = b"".join(body)
        getattr(body, "close", lambda: None)()
        (req,) = self.ended
        return status.partition(" ")[0], sorted(sent), data, list(self.calls), *seen_of(req)


def seen_of(req):
    trace = [(entry.phase, entry.handler, without_address(entry.answer), entry.record) for entry in req.trace]
    counted = (req.status, req.bytes_sent, req.bytes_received)
    told = (req.decided_by, req.user, type(req.exception), req.aborted)
    return trace, counted, told


def without_address(answer):
    return re.sub(" at 0x[0-9a-f]+", "", repr(answer))


def around_plain(hooks):
    app = plain_app

    def named(environ, start_response):
        return app(environ, start_response)

    named.__qualname__ = "app"
    return hooks.wsgi(named)


def in_flask(hooks):
    app = flask_app()
    FlaskHookChain(app, hooks)
    return app


@pytest.mark.parametrize("build", CHAINS, ids=lambda build: build.__name__)
def test_a_chain_does_the_same_in_flask_as_around_a_plain_app(build, caplog):
    caplog.set_level("CRITICAL", logger="hookchain")
    plain, flask = Place(around_plain, build), Place(in_flask, build)
    for path, options in requests():
        assert flask.outcome(path, options) == plain.outcome(path, options), (path, options)
