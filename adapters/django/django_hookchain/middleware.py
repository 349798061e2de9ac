"""HookChainMiddleware: Django's request to a chain, and the chain's response to Django."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref import sync
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from hookchain import CompileError, ConfigError, Phase
from hookchain.adapting import (
    Delivery,
    Handler,
    InContext,
    Outcome,
    Steps,
    adrive_to_end,
    arespond,
    current,
    cycle,
    drive,
    drive_to_end,
    guard_again,
    thread_loop,
)

from .answers import from_django, to_django, translate
from .driving import InServersContext, Inside, SensitiveThreads, ServedBody
from .record import KEY, Record, prepare, record_of
from .settings import load_chain, place_findings
from .surroundings import Surroundings, taken_failure

# Python 3.12's own functions do not know what Django marks under 3.11.
_asgiref: Any = sync


class HookChainMiddleware:
    """Runs the chain of the setting HOOKCHAIN around the rest of Django; what CONTENT falls back to is the view."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        """Load and compile the chain.

        Raises:
            ImproperlyConfigured: it can't work as it is set up; the message says what to do.
        """
        try:
            self.chain = load_chain()
            self.chain.compile()
        except (CompileError, ConfigError) as error:
            raise ImproperlyConfigured(str(error)) from error
        for finding in place_findings(reads_session=False):
            if finding.code == "middleware-twice":
                raise ImproperlyConfigured(f"{finding.message}. {finding.remedy}")
        self.get_response = get_response
        self.is_async: bool = _asgiref.iscoroutinefunction(get_response)
        self._app = Handler(self._aask if self.is_async else self._ask, Phase.CONTENT, name="app django")
        self.process_view: Any = self._aprocess_view if self.is_async else self._process_view
        if self.is_async:
            _asgiref.markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Process a request."""
        req = record_of(request)
        req.app, req.framework, req.translate = self._app, Surroundings(), translate
        self.chain.begin(req)
        return self._arespond(req) if self.is_async else self._respond(req)

    # --- the request through the chain

    def _respond(self, req: Record) -> HttpResponseBase:
        context = contextvars.copy_context()
        context.run(current.set, req)
        steps = cycle(req)
        if hasattr(req.native, "scope"):
            req.threads, req.context, req.bridge = SensitiveThreads(context), context, _bridge
            response = drive(steps, None, InServersContext(context))
            body: Delivery | ServedBody = ServedBody(req, response, steps, req.threads, context)
        else:
            req.bridge = lambda coroutine: thread_loop.run(coroutine, contextvars.copy_context())
            caller = InContext(context, uses_loop=True)
            response = drive(steps, None, caller)
            body = Delivery(req, response, steps, caller)
        try:
            sent = _handed_over(req, response, body)
        except BaseException as error:
            body.fail(error)
            raise
        if isinstance(body, ServedBody):
            body.end_when_dropped()  # in a thread, nothing else tells that a client has left
        return sent

    async def _arespond(self, req: Record) -> HttpResponseBase:
        context = req.context = contextvars.copy_context()
        context.run(current.set, req)
        req.threads, req.is_async, req.bridge = SensitiveThreads(context.copy()), True, _bridge
        steps = cycle(req)
        response = await arespond(req, steps, req.threads, context)
        body = ServedBody(req, response, steps, req.threads, context)
        body.close_with(cast("asyncio.Task[Any]", asyncio.current_task()))
        try:
            return _handed_over(req, response, body)
        except BaseException as error:
            await body.afail(error)
            raise

    # --- the view

    def _ask(self, record: Record) -> Response:
        return _answer(record, self.get_response(prepare(record)))

    async def _aask(self, record: Record) -> Response:
        return _answer(record, await self.get_response(prepare(record)))

    def _process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        steps = _another_route(request)
        if steps is None:
            return None
        record: Record = request.META[KEY]
        refusal = drive_to_end(steps, Inside(record, on_server=hasattr(request, "scope")))
        return None if refusal is None else HttpResponse(status=403)

    async def _aprocess_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        steps = _another_route(request)
        if steps is None:
            return None
        refusal = await adrive_to_end(steps, request.META[KEY].threads)
        return None if refusal is None else HttpResponse(status=403)


def _bridge(coroutine: Any) -> Any:
    async def wait() -> Any:
        return await coroutine

    return _asgiref.async_to_sync(wait)()


def _another_route(request: HttpRequest) -> Steps[Outcome | None] | None:
    """The guards of a route that is not the one that was looked up, as a middleware behind the chain may choose it."""
    record: Record = request.META[KEY]
    match = request.resolver_match
    endpoint = None if match is None else match.view_name
    if endpoint == record.endpoint and request.path_info == record.path:
        return None
    return guard_again(record, request.path_info, endpoint)


def _answer(record: Record, made: HttpResponseBase) -> Response:
    failure = taken_failure(record.native)
    response = from_django(made)
    if failure is None or response.status_code < 400:  # noqa: PLR2004 - nobody has dealt with it
        return response
    if isinstance(failure, RequestEntityTooLarge):
        response.close()
    else:
        cast("Surroundings", record.framework).page = response
    raise failure


def _handed_over(req: Record, response: Response, body: Delivery | ServedBody) -> HttpResponseBase:
    held = body.held() if isinstance(body, ServedBody) else body
    sent = to_django(response, held)
    sent.__dict__["_resource_closers"].append(held.close)
    close = req.native.close

    def close_all() -> None:
        close()
        body.close()

    # A middleware before the chain may send another response in place of this one.
    req.native.close = close_all
    return sent
