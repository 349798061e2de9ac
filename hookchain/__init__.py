"""hookchain: Apache's request phases for Python web applications, as a library that belongs to no framework."""

from __future__ import annotations

from http import HTTPStatus

from werkzeug.wrappers import Response

from .access_log import AccessLog
from .adelivery import AsyncResponse
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
from .explanation import Explanation
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
