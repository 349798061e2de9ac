"""The records of a request: how one goes on from another, and which one is being handled here."""

from __future__ import annotations

from contextvars import ContextVar

from .request import Request

_SHARED = ("second_halves", "cleanups")

current: ContextVar[Request] = ContextVar("hookchain.request")
note_current = current.set  # for each request: what a name that was imported has is looked up anew each time


def current_request() -> Request:
    """Return the request that is being handled here; after an internal redirect, the one it led to.

    Returns:
        The record, in handlers, filters, views and response bodies alike.

    Raises:
        RuntimeError: no chain is handling a request here.
    """
    try:
        req = current.get()
    except LookupError:
        raise RuntimeError("no chain is handling a request here") from None
    while req.next is not None:
        req = req.next
    return req


def follow_up(req: Request, path: str, query: str, *, method: str | None = None) -> Request:
    """Make a record that goes on from another one, for an internal redirect or a subrequest.

    Args:
        req: the record it goes on from; the caller links the two.
        path: a canonical path.
        query: without "?".
        method: where it is not the same.

    Returns:
        A record that shares the body and what is to be finished.

    Source: httpd ``internal_internal_redirect`` (modules/http/http_request.c).
    """
    new = req.kind_of_next(
        method or req.unparsed_method,
        req.scheme,
        req.server,
        req.root_path,
        path,
        query.encode(),
        req.headers,
        req.remote_addr,
        make_body=lambda: req.body,
    )
    new.protocol, new.native, new.chain, new.app = req.protocol, req.native, req.chain, req.app
    new.environ, new.asgi_scope, new.bridge = req.environ, req.asgi_scope, req.bridge
    new.framework, new.translate = req.framework, req.translate
    if req.is_handshake:
        new.app = None  # what answers in place of a socket is a page, and the app expects a socket
    new.has_body, new.is_plain = req.has_body, False
    new.trace = req.trace
    new.start_time, new.started = req.start_time, req.started
    for name in _SHARED:
        setattr(new, name, getattr(req, name))
    new.env.update({f"REDIRECT_{name}": value for name, value in req.env.items()})
    return new
