"""HookChainMiddleware: Django's request to a chain, and the chain's response to Django."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context, copy_context
from typing import Any, TypeAlias, cast

from asgiref import sync
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from hookchain import CompileError, ConfigError, Phase
from hookchain.adapting import (
    Delivery,
    Handler,
    InContext,
    Outcome,
    Steps,
    Threads,
    adrive_to_end,
    arespond,
    current,
    cycle,
    deliver,
    drive,
    drive_to_end,
    guard_again,
    nothing_is_left,
    say_at_once,
    whole_delivery,
)

from .answers import copy, from_django, is_whole, to_django
from .driving import Closer, HeldBody, InServersContext, Inside, SensitiveThreads, ServedBody, abandon
from .record import KEY, Record, record_of
from .settings import load_chain, place_findings
from .surroundings import FAILURE, Surroundings, keep_page, taken_failure
from .wsgi_record import WSGIRecord

_Body: TypeAlias = Delivery | ServedBody | Generator[bytes, None, None]

_FIRST_ERROR = 400

_TEST_CLIENT = "_dont_enforce_csrf_checks"
"""What requests of Django's test clients have; tests may look at such a request, and so at its record, when it is over.
"""

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
        self._surroundings = Surroundings()
        self.process_view: Any = self._aprocess_view if self.is_async else self._process_view
        if self.is_async:
            _asgiref.markcoroutinefunction(self)
            receiver(request_finished, dispatch_uid="hookchain.body")(abandon)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Process a request."""
        is_asgi = isinstance(request, ASGIRequest)
        req = record_of(request) if is_asgi else WSGIRecord(request)
        req.app, req.framework, req.place = self._app, self._surroundings, self
        self.chain.begin(req)
        if is_asgi or self.is_async:
            return self._arespond(req) if self.is_async else self._respond_on_server(req)
        context = copy_context()
        answer: Any = context.run(say_at_once, req)
        if isinstance(answer, HttpResponse) and nothing_is_left(req):
            request.META.pop(KEY, None)  # else the two would hold each other, and wait for the garbage collector
            return answer
        return self._respond(req, context, answer)

    # --- the request through the chain

    def _respond(self, req: Record, context: Context, answer: Any) -> HttpResponseBase:
        if not isinstance(answer, HttpResponse):
            body = deliver(req, InContext(context, uses_loop=True), answer)
            return _handed_over(req, body.response, body)
        whole = whole_delivery(req, answer.content, context)
        next(whole)
        return _closing(req, copy(answer), whole, whole)

    def _respond_on_server(self, req: Record) -> HttpResponseBase:
        context = req.context = copy_context()
        context.run(current.set, req)
        req.threads, req.bridge = SensitiveThreads(context), _bridge
        steps = cycle(req)
        response = drive(steps, None, InServersContext(context))
        body = ServedBody(req, response, steps, req.threads, context)
        sent = _handed_over(req, response, body)
        body.end_when_dropped()  # in a thread, nothing else tells that a client has left
        return sent

    async def _arespond(self, req: Record) -> HttpResponseBase:
        context = req.context = copy_context()
        context.run(current.set, req)
        req.threads, req.is_async, req.bridge = SensitiveThreads(context.copy()), True, _bridge
        steps = cycle(req)
        response = await arespond(req, steps, req.threads, context)
        body = ServedBody(req, response, steps, req.threads, context)
        body.close_with(cast("asyncio.Task[Any]", asyncio.current_task()))
        try:
            return _sent(req, response, body)
        except BaseException as error:
            await body.afail(error)
            raise

    # --- the view

    def _ask(self, record: Record) -> Response | HttpResponseBase:
        made: HttpResponseBase = self.get_response(record.shown())
        is_there = type(made) is HttpResponse or is_whole(made)
        if is_there and made.status_code < _FIRST_ERROR and FAILURE not in record.native.META:
            return made  # about which nobody may have to be asked
        return _answer(record, made)

    async def _aask(self, record: Record) -> Response:
        return _answer(record, await self.get_response(record.shown()))

    def _process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        record: Record = request.META[KEY]
        if record.leads_to(request):
            return None
        steps = _guards_of_route(record, request)
        refusal = drive_to_end(steps, Inside(record, on_server=hasattr(request, "scope")))
        return None if refusal is None else HttpResponse(status=403)

    async def _aprocess_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        record: Record = request.META[KEY]
        if record.leads_to(request):
            return None
        refusal = await adrive_to_end(_guards_of_route(record, request), cast("Threads", record.threads))
        return None if refusal is None else HttpResponse(status=403)


def _bridge(coroutine: Any) -> Any:
    async def wait() -> Any:
        return await coroutine

    return _asgiref.async_to_sync(wait)()


def _guards_of_route(record: Record, request: HttpRequest) -> Steps[Outcome | None]:
    """The guards of a route that is not the one that was looked up, as a middleware behind the chain may choose it."""
    return guard_again(record, request.path_info, cast("ResolverMatch", request.resolver_match).view_name)


def _answer(record: Record, made: HttpResponseBase) -> Response:
    failure = taken_failure(record.native)
    response = from_django(made)
    if failure is None or response.status_code < _FIRST_ERROR:  # somebody has dealt with it
        return response
    if isinstance(failure, RequestEntityTooLarge):
        response.close()
    else:
        keep_page(record.native, response)
    raise failure


def _handed_over(req: Record, response: Response, body: Delivery | ServedBody) -> HttpResponseBase:
    try:
        return _sent(req, response, body)
    except BaseException as error:
        body.fail(error)
        raise


def _sent(req: Record, response: Response, body: Delivery | ServedBody) -> HttpResponseBase:
    held = body.held() if isinstance(body, ServedBody) else body
    return _closing(req, to_django(response, held), body, held)


def _closing(req: Record, sent: Any, body: _Body, held: _Body | HeldBody) -> HttpResponseBase:
    """Finish the request when Django closes its response, or the request itself."""
    sent.__dict__["_resource_closers"].append(Closer(held.close))
    native = req.native
    close = native.close

    def close_all() -> None:
        close()
        body.close()
        # What holds itself would have to wait for the garbage collector.
        native.__dict__.pop("close", None)
        if _TEST_CLIENT not in native.__dict__:
            native.META.pop(KEY, None)

    # A middleware before the chain may send another response in place of this one.
    native.close = close_all
    return cast("HttpResponseBase", sent)
