"""For tests: make requests without a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.test import EnvironBuilder

from .request import Request
from .wsgi import request_of


def make_request(path: str = "/", method: str = "GET", **options: Any) -> Request:
    """Make a request as a server would.

    Args:
        path: the request target, percent-encoded, with its query if any: "/a%20b?x=1".
        method: such as "POST".
        options: what Werkzeug's ``EnvironBuilder`` takes: ``headers``, ``data``, ``json``, ``query_string``,
            ``content_type``, ``base_url``, ``environ_base`` (such as ``{"REMOTE_ADDR": "192.0.2.1"}``) and others;
            ``remote_addr`` and ``user`` besides.

    Returns:
        The request, for ``chain.handle(req)``.
    """
    remote_addr = options.pop("remote_addr", "127.0.0.1")
    user = options.pop("user", None)
    base = {"REMOTE_ADDR": remote_addr, **options.pop("environ_base", {})}
    builder = EnvironBuilder(path if path.startswith("http") else "/", method=method, environ_base=base, **options)
    try:
        environ = builder.get_environ()
    finally:
        builder.close()
    if path.startswith("/"):
        environ.update(_target(path, environ["QUERY_STRING"]))
    req = request_of(environ)
    req.user = user
    return req


def _target(target: str, query: str) -> dict[str, str]:
    # As a server reads it: a builder of URLs takes "//a" for a host, and what is no UTF-8 for something else.
    path, mark, own_query = target.partition("?")
    query = own_query if mark else query
    raw = path + ("?" + query if query else "")
    decoded = unquote_to_bytes(path).decode("latin-1")
    return {"PATH_INFO": decoded, "QUERY_STRING": query, "REQUEST_URI": raw, "RAW_URI": raw}
