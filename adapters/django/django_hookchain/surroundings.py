"""Surroundings: what Django does for a request while it goes through the phases."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any, NoReturn

from django.conf import settings
from django.core.handlers.exception import response_for_exception
from django.core.signals import got_request_exception, request_started
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_resolver
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from hookchain import Request

from .answers import from_django, passes
from .record import RAW_PATH

_PAGES = frozenset({400, 403, 404, 500})
FAILURE = "hookchain.failure"
"""Where a request has what the view, or what stands before it, raised, until ``taken_failure`` returns it."""

_PAGE = "hookchain.page"


class Surroundings:
    """What Django does for a request while it goes through the phases: its error handlers. All requests share one."""

    blocking = looks_ahead = False
    sends = staticmethod(passes)

    @property
    def raises(self) -> bool:
        """Whether exceptions go to the server."""
        return bool(settings.DEBUG_PROPAGATE_EXCEPTIONS)

    def enter(self, req: Request) -> None:
        """Leave it to the record to find the route, should anybody ask."""

    def error_page(self, req: Request, error: Exception, page: Response) -> Response | None:
        """Let Django's handler400 to handler500 answer, and with DEBUG its page for an exception."""
        del page
        if not isinstance(error, HTTPException):
            made: Response | None = req.native.META.pop(_PAGE, None)
            return made or from_django(_page_of(req.native, error))
        if error.code not in _PAGES:
            return None
        handler = get_resolver(getattr(req.native, "urlconf", None)).resolve_error_handler(error.code)
        takes_none = error.code == HTTPStatus.INTERNAL_SERVER_ERROR
        arguments = {} if takes_none else {"exception": error.__cause__ or error}
        return from_django(handler(req.native, **arguments))

    def has_finalised(self, req: Request) -> bool:
        """Say no: what leaves has to be made Django's again."""
        del req
        return False

    def finalise(self, req: Request, response: Response) -> Response:
        """Leave the response as it is."""
        del req
        return response

    def exit(self, error: BaseException | None) -> None:
        """Leave everything as it is."""


def _raise(error: Exception) -> NoReturn:
    raise error


def _page_of(native: HttpRequest, error: Exception) -> HttpResponseBase:
    try:
        _raise(error)
    except type(error):  # Django asks sys.exc_info() for it
        return response_for_exception(native, error)


def keep_page(native: HttpRequest, page: Response) -> None:
    """Keep the page that Django has made of a failure, for when it is asked for one."""
    native.META[_PAGE] = page


def taken_failure(native: HttpRequest) -> BaseException | None:
    """Return what the view, or what stands before it, raised and Django made a page of; once."""
    failure: BaseException | None = native.META.pop(FAILURE, None)
    return failure


@receiver(request_started, dispatch_uid="hookchain.path")
def _keep_path(environ: dict[str, Any] | None = None, **_: Any) -> None:
    if environ is not None:
        environ[RAW_PATH] = environ.get("PATH_INFO", "")


@receiver(got_request_exception, dispatch_uid="hookchain.failure")
def _keep_failure(request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None:
        request.META[FAILURE] = sys.exc_info()[1]
