"""What type checkers must accept, and what they must infer: checked, never run."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping
from http import HTTPStatus
from typing import Any, assert_type

from werkzeug.datastructures import Headers
from werkzeug.test import Client

from hookchain import (
    DECLINED,
    DONE,
    OK,
    AccessLog,
    AsyncResponse,
    HookChain,
    InternalRedirect,
    Order,
    Phase,
    Policy,
    Problem,
    Request,
    Response,
    Result,
    Section,
    current_request,
)
from hookchain.mark import authen as marked_authen
from hookchain.testing import make_request

hooks = HookChain("typed", document_root="public", access_log=AccessLog("json"), challenge='Basic realm="x"')
section = hooks.section("/admin", methods=["GET"], satisfy="any", options={"rate": 5})
assert_type(section, Section)
assert_type(section.section(re.compile("/(?P<user>[a-z]+)")), Section)


# A decorator returns what it decorates, bare and called.
@hooks.access
def bare(req: Request) -> int | None:
    return 403 if req.remote_addr is None else None


@hooks.authen("/a", order=Order.FIRST, before="typed.other", requires=[bare])
def called(req: Request) -> Result:
    req.user = "ann"
    return OK


@section.content(methods=["GET"], name="answer")
async def asynchronous(req: Request) -> str:
    return (await req.aget_data()).decode()


@marked_authen("/api")
def marked(req: Request) -> Result:
    return DECLINED


assert_type(bare(make_request("/")), int | None)
assert_type(called(make_request("/")), Result)
assert_type(marked(make_request("/")), Result)
assert_type(hooks.register(Phase.LOG, called, when=lambda req: req.status > 399), None)


# Every kind of answer, and every kind of function.
@hooks.content("/status")
def a_status(req: Request) -> HTTPStatus:
    return HTTPStatus.GONE


@hooks.content("/response")
def a_response(req: Request) -> Response:
    return Response("body", status=201)


@hooks.content("/tuple")
def a_tuple(req: Request) -> tuple[str, int, dict[str, str]]:
    return "body", 201, {"X-A": "b"}


@hooks.content("/json")
def a_dict(req: Request) -> dict[str, Any]:
    return {"user": req.user}


@hooks.content("/stream")
def a_stream(req: Request) -> Iterator[bytes]:
    yield b"a"


@hooks.content("/elsewhere")
def a_redirect(req: Request) -> InternalRedirect:
    return InternalRedirect("/status")


@hooks.header_parser
def a_pair(req: Request) -> Generator[Result | None]:
    yield None


@hooks.header_parser
async def an_async_pair(req: Request) -> AsyncGenerator[Result]:
    yield OK


@hooks.init
def done(req: Request) -> Result:
    return DONE


class Limit:
    """A handler that is an object."""

    def __call__(self, req: Request) -> int | None:
        """Allow everything."""
        return None


hooks.access("/limited")(Limit())


@hooks.output_filter
def shout(req: Request, response: Response) -> Response:
    return response


@section.error_document(404)
def lost(req: Request) -> str:
    return f"no {req.path}"


def cleaned(name: str) -> None:
    """Be called at the end."""


# The request.
def look(req: Request) -> None:
    assert_type(req.uri, str)
    assert_type(req.path, str)
    assert_type(req.unparsed_uri, str)
    assert_type(req.filename, str | None)
    assert_type(req.path_info, str)
    assert_type(req.handler, str | None)
    assert_type(req.auth_type, str | None)
    assert_type(req.status, int)
    assert_type(req.headers_out, Headers)
    assert_type(req.err_headers_out, Headers)
    assert_type(req.env, dict[str, str])
    assert_type(req.notes, dict[str, Any])
    assert_type(req.options, Mapping[str, Any])
    assert_type(req.prev, Request | None)
    assert_type(req.main, Request | None)
    assert_type(req.bytes_sent, int)
    assert_type(req.duration, float)
    assert_type(req.aborted, bool)
    assert_type(req.get_data(limit=100), bytes)
    assert_type(req.lookup("/x"), Request)
    assert_type(req.lookup("/x").run(), Response)
    req.add_handler(Phase.LOG, called)
    req.register_cleanup(cleaned, "x")


async def look_async(req: Request) -> None:
    assert_type(await req.aget_data(), bytes)
    assert_type(await req.alookup("/x"), Request)
    assert_type(await hooks.ahandle(req), AsyncResponse)


# The chain.
assert_type(hooks.handle(make_request("/", method="POST", data=b"x")), Response)
assert_type(hooks.problems(), list[Problem])
assert_type(current_request(), Request)
assert_type(Phase.AUTHEN.policy, Policy)
assert_type(Phase.AUTHEN.directive, str | None)
Client(hooks.wsgi())


def allow(req: Request) -> None:
    """Stand in for a handler."""


with hooks.replaced(bare, allow):
    pass
