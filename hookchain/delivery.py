"""Delivery: a response on its way to the server, counted, closed, and followed by LOG and CLEANUP exactly once."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Generator, Iterable, Iterator
from contextvars import Context
from typing import Any, cast

from werkzeug.wrappers import Response

from .cycle import answer_at_once, end_at_once
from .dispatch import Steps
from .drivers import InContext, drive, drive_on
from .exceptions import AsyncHandlerError
from .file_response import FileBody
from .request import Request
from .responses import complete_length, own_copy
from .results import Raised


def deliver(req: Request, caller: InContext, answer: Any = None) -> Delivery:
    """Process a request up to the point where its response is to be sent.

    Args:
        req: the request; a chain has begun it.
        caller: says where sync steps are called, and calls the async ones.
        answer: what ``answer_at_once`` has returned, where it has been called.

    Returns:
        The delivery of its response.

    Raises:
        Finished: the request is over, and has none.
    """
    if answer is None:
        answer = caller.run(answer_at_once, req)
    if isinstance(answer, Response):
        return Delivery(req, answer, None, caller)
    return Delivery(req, drive(answer, None, caller), answer, caller)


class Delivery:
    """The body of a response as a WSGI iterable; its end or ``close()``, whichever is first, finishes the request.

    Attributes:
        response: what is on its way.
    """

    def __init__(self, req: Request, response: Response, steps: Steps[None] | None, caller: InContext) -> None:
        """Take a response that ``steps`` wants to be sent; or, without steps, one that was given at once."""
        self._req = req
        self.response = response
        self._steps = steps
        self._is_over = False
        self._caller = caller
        self._chunks: Iterator[bytes] | None = None
        self._body: Any = response.response

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the body."""
        body = self.response.response
        if self._chunks is None and isinstance(body, list):
            self._chunks = whole = self._counted(body)
            return whole
        return self

    def _counted(self, body: Iterable[str | bytes]) -> Iterator[bytes]:
        # No code but the library's own makes these chunks.
        for chunk in body:
            data = chunk.encode() if isinstance(chunk, str) else chunk
            self._req.bytes_sent += len(data)
            yield data
        self._end(None)

    def __next__(self) -> bytes:
        """Return the next chunk; past the last one, finish the request."""
        try:
            chunk: bytes = self._run(self._next_chunk)
        except StopIteration:
            self._end(None)
            raise
        except BaseException as error:
            self._end(Raised(error))
            raise
        self._req.bytes_sent += len(chunk)
        return chunk

    def _next_chunk(self) -> bytes:
        if self._chunks is None:
            self._chunks = _encoded(self.response.response, self._caller)
        return next(self._chunks)

    def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        # On the thread's event loop a task enters the context itself, so it must not be entered here.
        if isinstance(self.response.response, AsyncIterable):
            return function(*args)
        return self._caller.run(function, *args)

    def close(self) -> None:
        """Close the body and finish the request, if that has not been done."""
        if self._is_over:
            return
        length = self._length() if self._chunks is None else None
        if length is not None:
            self._req.bytes_sent = length  # a complete body that nobody had to iterate over
        else:
            self._req.aborted = True
        self._end(None)

    def _length(self) -> int | None:
        return self._body.length if isinstance(self._body, FileBody) else complete_length(self.response)

    def fail(self, error: BaseException) -> None:
        """Finish a request whose response could not even be started."""
        self._end(Raised(error))

    def close_read(self, *, aborted: bool) -> None:
        """Close a body that somebody else has read, and finish the request."""
        if not self._is_over:
            self._req.aborted = aborted
            self._end(None)

    def _end(self, outcome: Raised | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        answer: Any = outcome
        try:
            self._close_body()
        except BaseException as error:
            answer = answer or Raised(error)
        steps = self._steps
        if steps is None:
            steps, answer = self._caller.run(end_at_once, self._req, answer), None
        if steps is not None:
            drive_on(steps, answer, self._caller)
        if self._caller.async_met is not None:
            raise self._caller.async_met from None

    def _close_body(self) -> None:
        body = self.response.response
        if isinstance(body, list) and not vars(self.response).get("_on_close"):
            return
        if isinstance(body, AsyncIterable):
            aclose = getattr(body, "aclose", None)
            if aclose is not None:
                self._caller.wait(aclose())
        self._caller.run(self.response.close)


def whole_delivery(req: Request, body: bytes, context: Context) -> Generator[bytes, None, None]:
    """Be a body of one piece, given at once, as a WSGI iterable; its end or ``close()`` finishes the request.

    What is thrown into it finishes the request too, as one whose response could not even be started.
    It has to be begun with a first ``next()`` by whoever makes it: one that has not begun is closed without being told.

    Args:
        req: the request.
        body: what the library holds alone.
        context: the request's.
    """
    failed = None
    try:
        yield b""
        req.bytes_sent = len(body)
        yield body
    except GeneratorExit:
        if req.bytes_sent:
            req.aborted = True
        req.bytes_sent = len(body)
    except BaseException as error:
        failed = Raised(error)
    steps = context.run(end_at_once, req, failed)
    if steps is not None:
        drive_on(steps, None, InContext(context, uses_loop=True))


class SentFile:
    """A file for the server's ``wsgi.file_wrapper``; closing it finishes the request.

    A server that lets the kernel send the file tells nobody how far it came, so then all of it counts as sent.
    """

    def __init__(self, req: Request, delivery: Delivery, body: FileBody) -> None:
        """Put a delivery behind the file that it would send."""
        self._req = req
        self._delivery = delivery
        self._file = body.file
        self._left = body.length

    def read(self, size: int = -1) -> bytes:
        """Read on, no further than the length that was announced."""
        data = self._file.read(self._left if size < 0 else min(size, self._left)) or b""
        self._left -= len(data)
        self._req.bytes_sent += len(data)
        return data

    def fileno(self) -> int:
        """Give the file's descriptor, for servers that let the kernel send it."""
        return self._file.fileno()

    def tell(self) -> int:
        """Tell where the file stands."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in the file."""
        return self._file.seek(offset, whence)

    def close(self) -> None:
        """Close the file and finish the request."""
        if self._req.bytes_sent:
            self._delivery.close_read(aborted=self._left > 0)
        else:
            self._delivery.close()


def _encoded(body: Any, caller: InContext) -> Iterator[bytes]:
    chunks: Iterable[str | bytes] = body
    if isinstance(body, AsyncIterable):
        chunks = _on_thread_loop(cast("AsyncIterable[str | bytes]", body), caller)
    return (chunk.encode() if isinstance(chunk, str) else chunk for chunk in chunks)


def _on_thread_loop(body: AsyncIterable[str | bytes], caller: InContext) -> Iterator[str | bytes]:
    chunks = body.__aiter__()
    while True:
        try:
            yield caller.wait(chunks.__anext__())
        except StopAsyncIteration:
            return


def async_body_met(req: Request) -> AsyncHandlerError:
    """Return the error of a sync call that was answered with an async body."""
    message = "it answered with an async body, and this call is not async: use 'await chain.ahandle(req)'"
    return AsyncHandlerError(message, handler=req.decided_by or "a handler", phase=req.phase, origin="its body")


def as_response(response: Response, body: Iterable[bytes]) -> Response:
    """Return the response with another body, for callers without a server."""
    sent = own_copy(response)
    sent.response = body
    return sent
