"""hookchain: Apache's request phases for Python web applications, as a library that belongs to no framework."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.wrappers import Response

from .chain import HookChain
from .exceptions import (
    AlreadyCompiledError,
    AsyncHandlerError,
    CompileError,
    ConfigError,
    DeclarationError,
    HandlerError,
    HookChainDeprecationWarning,
    HookChainError,
    HookChainWarning,
    MissingExtraError,
    Problem,
    ResultError,
)
from .order import Order
from .phases import Phase, Policy
from .records import current_request
from .registry import Section
from .request import Request, TraceEntry
from .results import DECLINED, DONE, OK, InternalRedirect, Result
from .signals import (
    got_exception,
    handler_called,
    phase_finished,
    phase_started,
    request_finished,
    request_started,
)

if TYPE_CHECKING:
    from .access_log import AccessLog
    from .adelivery import AsyncResponse
    from .explanation import Explanation
else:
    # What many programs never need is imported when it is first asked for (PEP 562), as methods of HookChain do too.
    _ON_DEMAND = {"AccessLog": "access_log", "AsyncResponse": "adelivery", "Explanation": "explanation"}

    def __getattr__(name: str) -> object:
        """Import a public name that is asked for."""
        if name not in _ON_DEMAND:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f".{_ON_DEMAND[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        """List those names too."""
        return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "DECLINED",
    "DONE",
    "OK",
    "AccessLog",
    "AlreadyCompiledError",
    "AsyncHandlerError",
    "AsyncResponse",
    "CompileError",
    "ConfigError",
    "DeclarationError",
    "Explanation",
    "HTTPStatus",
    "HandlerError",
    "HookChain",
    "HookChainDeprecationWarning",
    "HookChainError",
    "HookChainWarning",
    "InternalRedirect",
    "MissingExtraError",
    "Order",
    "Phase",
    "Policy",
    "Problem",
    "Request",
    "Response",
    "Result",
    "ResultError",
    "Section",
    "TraceEntry",
    "current_request",
    "got_exception",
    "handler_called",
    "phase_finished",
    "phase_started",
    "request_finished",
    "request_started",
]
