"""A WSGI server inside the test: one that minds the standard, and whose client may leave at any byte."""

from __future__ import annotations

import re
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .exchanges import ENDINGS, Answer, Sent, check_values, received, values_here

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_STATUS_LINE = re.compile(r"[1-5][0-9]{2} \S")
_THREADS = 16


class WSGIServer:
    """Serves an application, one request after the other or many at once."""

    def __init__(self, application: WSGIApplication, leaves: Collection[str] = ()) -> None:
        """Keep the application, and the names of the context variables that it may leave changed."""
        self._application = application
        self._leaves = leaves

    def ask(self, sent: Sent) -> Answer:
        """Send a request."""
        answer, before = Answer(), values_here()
        try:
            _Exchange(sent, answer).run(self._application)
        except ENDINGS as error:
            answer.raised = error
        check_values(before, self._leaves)
        return answer

    def ask_all(self, requests: list[Sent]) -> list[Answer]:
        """Send many requests at once, on threads."""
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(self.ask, requests))

    def interrupt(self, how: str) -> None:
        """Do nothing: a WSGI server learns of its client when it sends, and cancels nothing."""


class _Exchange:
    """One request."""

    def __init__(self, sent: Sent, answer: Answer) -> None:
        self._sent = sent
        self._answer = answer
        self._started = False

    def run(self, application: WSGIApplication) -> None:
        body = application(self._sent.environ(), self._start_response)
        try:
            self._read(body)
        finally:
            getattr(body, "close", lambda: None)()

    def _read(self, body: Any) -> None:
        left = self._sent.leaves_after
        if left is not None and left <= 0:
            return
        for chunk in body:
            assert isinstance(chunk, bytes), f"{chunk!r} is not bytes"
            assert self._started, "a chunk came before start_response was called"
            self._answer.chunks.append(chunk)
            if left is not None and len(self._answer.body) >= left:
                return
        assert self._started, "start_response was not called"

    def _start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
        assert not self._started or exc_info, "start_response was called twice"
        assert _STATUS_LINE.match(status), f"{status!r} is no status line"
        for name, value in headers:
            assert type(name) is str, f"the header {name!r} is no str"
            assert type(value) is str, f"{name}: {value!r} is no str"
            assert not re.search(r"[\0\r\n]", name + value), f"{name}: {value!r} would break the response apart"
        if self._sent.refuses is not None:
            raise self._sent.refuses
        self._started = True
        self._answer.status, self._answer.headers = int(status[:3]), received(headers)
        return self._answer.chunks.append
