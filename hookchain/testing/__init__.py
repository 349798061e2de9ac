"""For tests: make requests without a server."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.test import EnvironBuilder

from hookchain.environ_request import EnvironRequest
from hookchain.request import Request


def make_request(path: str = "/", method: str = "GET", **options: Any) -> Request:
    """Make a request as a server would.

    Args:
        path: the request target as a client sends it, percent-encoded, with its query if any: "/a%20b?x=1".
            Nothing of it is tidied up, so that "//x" and "/a/../b" can be tried.
        method: such as "POST".
        options: ``remote_addr`` and ``user``, the client's address and ``req.user``; ``host``, the Host header;
            ``body``, another name for ``data``; and what Werkzeug's ``EnvironBuilder`` takes: ``headers``, ``data``,
            ``json``, ``query_string``, ``content_type``, ``base_url``, ``environ_base`` and others.

    Returns:
        The request, for ``chain.handle(req)``.

    Example:
        >>> make_request("/a/../b%20c?x=1", headers={"Accept": "text/plain"}).path
        '/b c'
    """
    user = options.pop("user", None)
    raw_path, _, query = path.partition("?")
    options["environ_base"] = {
        "REMOTE_ADDR": options.pop("remote_addr", "127.0.0.1"),
        **options.get("environ_base", {}),
    }
    if "body" in options:
        options["data"] = options.pop("body")
    host = options.pop("host", None)
    arguments: dict[str, Any] = {"query_string": query, **options}
    builder = EnvironBuilder("/", method=method, **arguments)
    try:
        environ = builder.get_environ()
    finally:
        builder.close()
    query = environ["QUERY_STRING"]
    environ["PATH_INFO"] = unquote_to_bytes(raw_path).decode("latin-1")
    environ["REQUEST_URI"] = environ["RAW_URI"] = f"{raw_path}?{query}" if query else raw_path
    if host is not None:
        environ["HTTP_HOST"] = host
    req = EnvironRequest(environ)
    req.user = user
    return req
