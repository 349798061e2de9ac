"""The contract in Starlette and FastAPI, behind a chain."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hookchain.testing.contract import PAGE, AppError, ASGIPlace, Contract, Difference, Promises, answer

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]


async def page(request):
    body = await request.body()
    path, query = request.scope["path"], request.url.query
    made = answer(request.method, path, query, request.scope.get("user"), body)
    is_whole = isinstance(made.body, bytes)
    response = Response(made.body, made.status) if is_whole else StreamingResponse(made.body, made.status)
    response.raw_headers = [(name.lower().encode(), value.encode()) for name, value in made.headers]
    return response


OF_ITS_OWN = Difference(
    "Starlette answers with a page of its own what its app raises, and raises it again",
    lambda answer: isinstance(answer.req.exception, AppError),
    (*PAGE, "raised"),
)
OF_WHAT_STANDS_BEFORE = Difference(
    "Starlette's outermost middleware stands before the chain, and answers what the chain raises with a page",
    lambda answer: answer.raised is not None,
    ("status", *PAGE),
)


class BehindTheChain(ASGIPlace):
    name = "Starlette, behind the chain"
    differences = (OF_ITS_OWN,)

    def application(self, chain):
        return chain.asgi(Starlette(routes=[Route("/{rest:path}", page, methods=METHODS)]))


class AsMiddleware(ASGIPlace):
    name = "FastAPI, with the chain as a middleware"
    differences = (OF_WHAT_STANDS_BEFORE,)

    def application(self, chain):
        app = FastAPI(openapi_url=None)
        app.router.add_route("/{rest:path}", page, methods=METHODS)
        app.add_middleware(chain.asgi)
        return app


class TestStarlette(Contract):
    place = BehindTheChain()


class TestFastAPI(Promises):
    place = AsMiddleware()
