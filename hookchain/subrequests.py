"""Subrequests: what a path would pass and be answered with, asked while a request is handled."""

from __future__ import annotations

from werkzeug.wrappers import Response

from .cycle import run_subrequest, subrequest
from .drivers import Here, adrive_to_end, drive_to_end
from .exceptions import HookChainError
from .paths import BadPathError, split_url
from .records import follow_up
from .request import Request


def look_up(req: Request, uri: str) -> Request:
    """Run a subrequest up to FIXUP.

    Args:
        req: the request that asks.
        uri: a URL, relative to the request's.

    Returns:
        The subrequest.
    """
    sub = _sub_record(req, uri)
    drive_to_end(subrequest(sub), Here())
    return sub


async def alook_up(req: Request, uri: str) -> Request:
    """Run a subrequest up to FIXUP, like ``look_up``."""
    from .threads import Threads

    sub = _sub_record(req, uri)
    await adrive_to_end(subrequest(sub), Threads())
    return sub


def run(sub: Request) -> Response:
    """Run CONTENT of a subrequest.

    Args:
        sub: what ``look_up`` gave.

    Returns:
        The response, or the refusal.

    Raises:
        HookChainError: it is no subrequest.
    """
    return drive_to_end(run_subrequest(_checked_sub(sub)), Here())


async def arun(sub: Request) -> Response:
    """Run CONTENT of a subrequest, like ``run``."""
    from .threads import Threads

    response: Response = await adrive_to_end(run_subrequest(_checked_sub(sub)), Threads())
    return response


def _sub_record(req: Request, uri: str) -> Request:
    try:
        path, query = split_url(uri, req.path)
    except BadPathError as error:
        sub = follow_up(req, "/", "", method="GET")
        sub.path_error = error
    else:
        sub = follow_up(req, path, query, method="GET")
    sub.main = req
    sub.selection = req.chain.select(sub)
    return sub


def _checked_sub(req: Request) -> Request:
    if req.main is None:
        raise HookChainError("run() is for subrequests, which req.lookup(uri) gives")
    return req
