"""ReadableRequest: a request whose body handlers can read, sync and async."""

from __future__ import annotations

import functools
import inspect
import io
import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.request import Request as SansIORequest

from .body import RequestBody
from .chain_protocol import ChainProtocol
from .loops import running_loop
from .made import made

if TYPE_CHECKING:
    from typing import BinaryIO

    from .plan import Selection
    from .request import Request


def _body_of(req: Request) -> RequestBody:
    """Make a request's body, limited and filtered as its chain has it."""
    req.is_touched = True
    body = req.make_body()
    body.bridge = req.bridge
    if req.is_begun:
        body.limit = req.chain.max_body
        for handler in req.selection.input_filters.call(req):
            wrap = functools.partial(handler.call, req)
            if inspect.isasyncgenfunction(handler.call):
                body.add_async_filter(wrap)
            else:
                body.add_filter(wrap)
    return body


class ReadableRequest(SansIORequest):
    """The part of ``Request`` that has to do with its body; there it is said what the attributes are."""

    chain: ChainProtocol
    selection: Selection
    is_touched: bool
    bridge: Callable[[Coroutine[Any, Any, bytes]], bytes] | None
    body: RequestBody = made(_body_of)
    make_body: Callable[[], RequestBody]
    has_made: Callable[..., bool]

    @property
    def is_begun(self) -> bool:
        """Whether a chain has taken the request."""
        return hasattr(self, "selection")

    @property
    def said_length(self) -> str | None:
        """What Content-Length says, be it a number or not; None where it is not there."""
        return self.headers.get("Content-Length")

    @property
    def stream(self) -> BinaryIO:
        """A reader of the body, from its first byte on; what is read is replayed to whatever stands behind."""
        self._keep_off_loop("stream", "aget_data")
        return self.body.stream

    def _keep_off_loop(self, name: str, twin: str) -> None:
        # Wherever the body comes from here, elsewhere the same handler would make all other requests wait.
        if self.is_begun and running_loop() is not None:
            raise RuntimeError(f"req.{name} would block the event loop: use 'await req.{twin}()'")

    @property
    def bytes_received(self) -> int:
        """How many bytes of the body were read."""
        return self.body.bytes_received if self.has_made("body") else 0

    def get_data(self, limit: int | None = None) -> bytes:
        """Return the whole body.

        Args:
            limit: bytes; the chain's ``max_body`` counts too.

        Returns:
            The same bytes each time.

        Raises:
            RequestEntityTooLarge: the body is longer; unless caught, the answer is 413.
            RuntimeError: called on an event loop; use ``await req.aget_data()``.
        """
        self._keep_off_loop("get_data", "aget_data")
        return self.body.get_data(limit)

    async def aget_data(self, limit: int | None = None) -> bytes:
        """Return the whole body, like ``get_data``."""
        return await self.body.aget_data(limit)

    def get_json(self, limit: int | None = None) -> Any:
        """Return the body as JSON; raises BadRequest (400) where it is none, and what ``get_data`` raises."""
        self._keep_off_loop("get_json", "aget_json")
        return _parse_json(self.get_data(limit))

    async def aget_json(self, limit: int | None = None) -> Any:
        """Return the body as JSON, like ``get_json``."""
        return _parse_json(await self.aget_data(limit))

    def get_form(self, limit: int | None = None) -> MultiDict[str, str]:
        """Return the fields of a submitted form; empty where the body is no form."""
        self._keep_off_loop("get_form", "aget_form")
        return self._parse_form(self.get_data(limit))

    async def aget_form(self, limit: int | None = None) -> MultiDict[str, str]:
        """Return the fields of a submitted form, like ``get_form``."""
        return self._parse_form(await self.aget_data(limit))

    def _parse_form(self, data: bytes) -> MultiDict[str, str]:
        # Files in the form are of no interest here; nobody would close temporary ones.
        parser = FormDataParser(_forget_file, cls=ImmutableMultiDict)
        return parser.parse(io.BytesIO(data), self.mimetype, len(data), self.mimetype_params)[1]


def _forget_file(*_about: object, **_more: object) -> io.BytesIO:
    return io.BytesIO()


def _parse_json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # the latter where brackets are nested by the thousand
        raise BadRequest(f"The body is not JSON: {error}") from error
