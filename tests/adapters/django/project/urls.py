"""The routes of the project, and views of every kind."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path, re_path

from hookchain import current_request


def echo(request: HttpRequest, **_: str) -> HttpResponse:
    """Tell what the view sees."""
    user = request.META.get("REMOTE_USER", "")
    lines = [request.method, request.path, request.META["PATH_INFO"], request.META["QUERY_STRING"], user]
    return HttpResponse("\n".join(map(str, lines)), content_type="text/plain")


async def async_echo(request: HttpRequest) -> HttpResponse:
    """Tell the same, after a wait."""
    await asyncio.sleep(0)
    return echo(request)


def body(request: HttpRequest) -> HttpResponse:
    """Send the request's body back."""
    return HttpResponse(request.body, content_type="text/plain")


def form(request: HttpRequest) -> HttpResponse:
    """Send a field of a form, and what a file holds."""
    files = [file.read().decode() for file in request.FILES.values() if isinstance(file, UploadedFile)]
    return HttpResponse(" ".join([request.POST.get("name", ""), *files]))


def stream(_: HttpRequest) -> StreamingHttpResponse:
    """Send a body in parts."""

    def parts() -> Iterator[bytes]:
        for number in range(3):
            current_request().notes.setdefault("sent", []).append(number)
            yield b"%d\n" % number

    return StreamingHttpResponse(parts(), content_type="text/plain")


async def async_stream(_: HttpRequest) -> StreamingHttpResponse:
    """Send a body in parts, on the loop."""

    async def parts() -> AsyncIterator[bytes]:
        try:
            for number in range(3):
                await asyncio.sleep(0)
                current_request().notes.setdefault("sent", []).append(number)
                yield b"%d\n" % number
        finally:
            current_request().notes["closed"] = True

    return StreamingHttpResponse(parts(), content_type="text/plain")


def file(_: HttpRequest) -> FileResponse:
    """Send a file."""
    return FileResponse(io.BytesIO(b"x" * 200_000), content_type="application/octet-stream")


def fail(_: HttpRequest) -> HttpResponse:
    """Raise an exception."""
    raise LookupError("a view's secret")


def missing(_: HttpRequest) -> HttpResponse:
    """Raise Http404."""
    raise Http404("not here")


def denied(_: HttpRequest) -> HttpResponse:
    """Raise PermissionDenied."""
    raise PermissionDenied


def cookies(_: HttpRequest) -> HttpResponse:
    """Set two cookies."""
    response = HttpResponse("set")
    response.set_cookie("one", "1", httponly=True)
    response.set_cookie("two", "2; 3")
    return response


KEPT = HttpResponse("kept")


def kept(_: HttpRequest) -> HttpResponse:
    """Answer with the same object again and again."""
    return KEPT


def who(request: HttpRequest) -> HttpResponse:
    """Tell whom Django takes the client for."""
    user = getattr(request, "user", None)
    return HttpResponse(f"{user} {type(user).__name__ if user is None else user.is_authenticated}")


async def async_who(request: HttpRequest) -> HttpResponse:
    """Tell the same, on the loop."""
    user = await request.auser()
    return HttpResponse(f"{user} {user.is_authenticated}")


def page_missing(_: HttpRequest, exception: Exception) -> HttpResponse:
    """Stand for Django's page of 404."""
    return HttpResponse(f"the project's 404: {exception}", status=404)


def page_failed(_: HttpRequest) -> HttpResponse:
    """Stand for Django's page of 500."""
    return HttpResponse("the project's 500", status=500)


handler404 = page_missing
handler500 = page_failed

inner = [path("one", echo, name="one"), path("two", echo, name="two")]
urlpatterns = [
    path("", echo),
    path("async", async_echo),
    path("body", body),
    path("form", form),
    path("stream", stream),
    path("async-stream", async_stream),
    path("file", file),
    path("fail", fail),
    path("missing", missing),
    path("denied", denied),
    path("cookies", cookies),
    path("kept", kept),
    path("who", who),
    path("async-who", async_who),
    path("inner/", include((inner, "inner"))),
    re_path("^echo/(?P<rest>.*)$", echo, name="echo"),
]
