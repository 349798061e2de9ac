"""The reference: the chain without any server, to which each place is compared."""

from __future__ import annotations

import inspect

from werkzeug.wrappers import Response

from hookchain.chain import HookChain
from hookchain.handlers import Handler
from hookchain.phases import Phase
from hookchain.request import Request

from .exchanges import ENDINGS, Answer, Sent
from .own_loop import OwnLoop
from .pages import answer


def reference(chain: HookChain, sent: Sent, *, has_app: bool, is_async: bool = False) -> Answer:
    """Ask a chain by ``handle``, or by ``ahandle`` where it has async handlers.

    Args:
        chain: the chain.
        sent: the request; client and server behave themselves.
        has_app: whether the app of the contract stands behind.
        is_async: whether it is known to need ``ahandle``.

    Returns:
        What came back.
    """
    handlers = [entry.handler for entry in chain.plan.tree.entries]
    is_async = is_async or any(handler.is_async or inspect.isasyncgenfunction(handler.call) for handler in handlers)
    heard = Answer()
    req = sent.request()
    req.app = APP if has_app else None
    try:
        if is_async:
            with OwnLoop() as loop:
                loop.run(_ask_on_loop(chain, req, heard))
        else:
            _ask(chain, req, heard)
    except ENDINGS as error:
        heard.raised = error
    return heard


def _ask(chain: HookChain, req: Request, heard: Answer) -> None:
    response = chain.handle(req)
    try:
        _note(response, heard)
        heard.chunks.extend(response.iter_encoded())
    finally:
        response.close()


async def _ask_on_loop(chain: HookChain, req: Request, heard: Answer) -> None:
    response = await chain.ahandle(req)
    try:
        _note(response, heard)
        heard.chunks.append(await response.aget_data())
    finally:
        await response.aclose()


def _note(response: Response, heard: Answer) -> None:
    heard.status, heard.headers = response.status_code, response.headers


def _page(req: Request) -> Response:
    user = None if req.user is None else str(req.user)
    page = answer(req.method, req.path, req.query_string.decode("ascii"), user, req.get_data())
    response = Response(page.chunks, page.status, page.headers)
    if not any(name == "Content-Type" for name, _ in page.headers):
        del response.headers["Content-Type"]
    return response


APP = Handler(_page, Phase.CONTENT, name="app")
