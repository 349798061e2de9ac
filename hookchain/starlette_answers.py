"""Starlette's exceptions and responses as answers, where Starlette (or FastAPI, which is built on it) is loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response
from werkzeug.wsgi import FileWrapper

from .request import Request


class TranslatedError(HTTPException):
    """An exception of Starlette's as one of Werkzeug's: its status, detail and headers."""

    def __init__(self, error: Any) -> None:
        """Take over what it says."""
        super().__init__(str(error.detail))
        self.code = error.status_code
        self._headers = dict(error.headers or {})

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of the plain page, and its own."""
        own = {name.lower() for name in self._headers}
        plain = [item for item in super().get_headers(environ, scope) if item[0].lower() not in own]
        return [*plain, *self._headers.items()]


def is_loaded() -> bool:
    """Tell whether there can be answers of Starlette's."""
    return "starlette.exceptions" in sys.modules or "starlette.responses" in sys.modules


def translate(req: Request, value: object) -> object:
    """Return what an answer or exception of Starlette's means; any other as it is.

    Args:
        req: the request, which then also runs a response's background task.
        value: what a handler returned or raised.

    Returns:
        A Werkzeug HTTPException or Response, or the value.
    """
    exceptions, responses = sys.modules.get("starlette.exceptions"), sys.modules.get("starlette.responses")
    if exceptions is not None and isinstance(value, exceptions.HTTPException):
        return TranslatedError(value)
    if responses is not None and isinstance(value, responses.Response):
        return _response_of(req, value)
    return value


def _response_of(req: Request, made: Any) -> Response:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in made.raw_headers]
    if hasattr(made, "body_iterator"):
        body = made.body_iterator
    elif hasattr(made, "path"):
        body = FileWrapper(Path(made.path).open("rb"), 65536)  # noqa: SIM115 - closed with the response
    else:
        body = [bytes(made.body)]
    response = Response(status=made.status_code, headers=headers)
    response.response = body
    if made.background is not None:
        req.register_cleanup(made.background.__call__)
    return response
