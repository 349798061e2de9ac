"""The contract suite: every promise of hookchain as a test, to be run wherever a chain may stand.

For authors of adapters. It needs pytest.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in ("asgi_server", "promises", "wsgi_server")))

from .contract import Contract, Promises  # noqa: E402 - assertions of what is imported before would say nothing
from .exchanges import PAGE, Answer, Difference, Sent, Server, is_plain_page  # noqa: E402
from .pages import AppError, Page, answer, asgi_app, wsgi_app  # noqa: E402
from .places import ASGIPlace, Place, WSGIPlace  # noqa: E402

__all__ = [
    "PAGE",
    "ASGIPlace",
    "Answer",
    "AppError",
    "Contract",
    "Difference",
    "Page",
    "Place",
    "Promises",
    "Sent",
    "Server",
    "WSGIPlace",
    "answer",
    "asgi_app",
    "is_plain_page",
    "wsgi_app",
]
