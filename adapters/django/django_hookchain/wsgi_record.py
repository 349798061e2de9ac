"""WSGIRecord: a record of Django's request under WSGI, of which only what is asked for is made."""

from __future__ import annotations

import functools
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, cast

from hookchain import Request
from hookchain.adapting import EnvironRequest, MadeResponse, is_its_spelling, kept_inline, made, thread_loop

from .answers import from_django
from .record import KEY, RAW_PATH, Record, body_of, server_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from django.http import HttpRequest, HttpResponse

    from hookchain import Response


def _wait(coroutine: Coroutine[Any, Any, bytes]) -> bytes:
    return thread_loop.run(coroutine, copy_context())


class _Answer(MadeResponse):
    """The attribute ``response``, where Django sends its answer itself likewise made when it is first asked for."""

    def __get__(self, record: Any, owner: type) -> Any:
        if record is not None and record.passed is not None:
            self.__set__(record, from_django(record.passed))
        return super().__get__(record, owner)

    def __set__(self, record: Any, response: Response | None) -> None:
        super().__set__(record, response)
        if record.passed is not None:
            record.passed = None


@kept_inline("environ", "native", "remote_addr", "is_mapped", "_route", "kept_response", "passed")
class WSGIRecord(Record, EnvironRequest):
    """A record of a request under WSGI, of which only what is asked for is made.

    Who asks for something for the first time behind the view finds what META says then, as with Django's own request.

    Attributes:
        passed: what Django has answered and sends itself.
    """

    path_key = RAW_PATH
    bridge = staticmethod(_wait)
    passed: HttpResponse | None = None
    response: Any = _Answer()
    scheme = made(lambda req: req.native.scheme)
    server = made(lambda req: server_of(req.native.META))
    root_path = made(lambda req: req.native.META.get("SCRIPT_NAME", "").rstrip("/"))
    make_body = made(lambda req: functools.partial(body_of, req.native))

    def __init__(self, native: Any) -> None:
        """Look at what every request is asked for, and at what middleware behind the chain might change."""
        meta = native.META
        if RAW_PATH not in meta:  # nobody has told that the request has started
            meta[RAW_PATH] = native.path_info.encode().decode("latin-1")
        EnvironRequest.__init__(self, meta)
        self.native = native
        self.remote_addr = meta.get("REMOTE_ADDR")

    def shown(self) -> HttpRequest:
        """Return Django's request as it is, where nothing of it was changed or has to be written anew."""
        native: Any = self.native
        if self.is_touched or self.is_query_known or self.has_body or self.authen_ran:
            return super().shown()
        meta, path, query = native.META, native.path, native.META.get("QUERY_STRING", "")
        target = f"{path}?{query}" if query else path
        if (
            native.path_info == self.canonical_path
            and meta.get("RAW_URI", target) == target == meta.get("REQUEST_URI", target)
            and is_its_spelling(path)
            and query.isascii()
        ):
            meta[KEY] = self
            return cast("HttpRequest", native)
        return super().shown()

    @property
    def kind_of_next(self) -> type[Request]:
        """What a record that goes on from this one is made as."""
        self._keep_what_came_in()  # as the view may be shown another target soon
        return Record

    def _keep_what_came_in(self) -> None:
        _ = self.query_string, self.unparsed_uri
