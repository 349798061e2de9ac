"""Request: Werkzeug's sans-IO request plus httpd's record of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import quote

from werkzeug.datastructures import Authorization, Headers
from werkzeug.utils import cached_property
from werkzeug.wrappers import Response

from .body import RequestBody
from .chain_protocol import ChainProtocol
from .credentials import parse_authorization
from .exceptions import HookChainError
from .framework import Framework
from .handlers import Handler
from .paths import BadPathError, encode, normalise
from .phases import Phase
from .plain_response import Whole, sent_response
from .readable_request import ReadableRequest
from .results import Outcome
from .signals import heard
from .writable_request import WritableRequest

if TYPE_CHECKING:
    from .plan import Selection
    from .runs import Settled
    from .storage import Place


class TraceEntry(NamedTuple):
    """One handler that ran, or a step that was left out.

    Attributes:
        phase: the phase it ran in.
        handler: its name; empty where something was left out.
        answer: what it answered, or the exception that it raised; the reason where something was left out.
        record: "" for the request itself, "redirect" or "sub" for an internal redirect or a subrequest.
        seconds: how long it took, without what it waited for elsewhere.
    """

    phase: Phase
    handler: str
    answer: object
    record: str
    seconds: float


class MadeResponse:
    """The attribute ``response`` of a request; where its answer was sent as it is, made when it is first asked for."""

    def __get__(self, req: Request | None, owner: type) -> Response | MadeResponse | None:
        """Return it; what was sent counts, whatever a handler may have set before."""
        if req is None:
            return self
        if req.said is not None:
            self.__set__(req, sent_response(req.said))
        return req.kept_response

    def __set__(self, req: Any, response: Response | None) -> None:
        """Take another one."""
        req.kept_response = response
        if req.said is not None:
            req.said = None


class Request(ReadableRequest, WritableRequest):
    """A request: method, path, args, headers, cookies and the rest are Werkzeug's; the rest is httpd's ``request_rec``.

    Handlers get one; ``hookchain.testing.make_request`` makes one for tests. What nobody asks for is never made.

    Attributes:
        filename: the file that the path stands for, or None.
        path_info: what follows the file in the path.
        finfo: the file's status, or None where there is no file.
        handler: the name of what is to make the content; free for handlers to use.
        content_type_out: the response's Content-Type, where the response itself has none.
        content_encoding_out: the response's Content-Encoding, likewise.
        user: who sent the request; set by AUTHEN.
        auth_type: how the user was found out, such as "Basic".
        status: the status of the response.
        phase: the phase that is running; None before the first.
        main: the request that this one is a subrequest of, or None.
        prev: the request that redirected to this one, or None.
        next: the request that this one was redirected to, or None.
        endpoint: the route's name, in places that have routes.
        response: the response, from CONTENT on.
        said: what is sent as it is: a text, or status line, headers and body; None where the response is.
        native: the framework's own request object, or None.
        framework: what surrounds the request in a framework, or None.
        environ: the WSGI environ, or None.
        asgi_scope: the ASGI scope as it came in, or None.
        is_handshake: whether this is the handshake of a WebSocket.
        is_plain: whether nothing about method, path or kind has to be asked before the phases.
        app: what stands behind the chain, as a handler, or None.
        place: what stands around the chain; two requests with one place have the same app and framework, or neither.
        is_mapped: whether the path is settled, so that the framework's route can be asked for.
        is_query_known: whether the query string has been looked at or set; else it is as the server gave it.
        is_touched: whether something was made that the way out, the end, or the app has to look at.
        bridge: waits in a worker thread for what runs on the event loop; set by adapters.
        translate: turns a framework's own answers and exceptions into those that chains know; set by adapters.
        late_refusal: who refused the request after it had been handed to the app, and with what; else None.
        chain: the chain that handles it.
        decided_by: the name of the handler that ended the phase cycle, or None.
        exception: the exception that ended the request, or None.
        bytes_sent: bytes of the body that were handed to the server.
        duration: seconds from the start to the last byte; until then, so far.
        aborted: whether the server told that the client went away.
        trace: what ran and what it answered, or None where nobody wants to know.
        protocol: such as "HTTP/1.1".
        unparsed_method: the method as the client sent it; "get" is guarded like GET, and gets no file.
        start_time: seconds since the epoch.

    Source: httpd ``request_rec`` (include/httpd.h); mod_python's manual, "Request object".
    """

    filename: str | None = None
    path_info: str = ""
    finfo: os.stat_result | None = None
    handler: str | None = None
    content_type_out: str | None = None
    content_encoding_out: str | None = None
    user: Any = None
    auth_type: str | None = None
    status: int = 200
    phase: Phase | None = None
    main: Request | None = None
    prev: Request | None = None
    next: Request | None = None
    endpoint: Any = None
    response: Response | None = cast("Any", MadeResponse())
    said: bytes | Whole | None = None
    native: Any = None
    framework: Framework | None = None
    environ: dict[str, Any] | None = None
    asgi_scope: Mapping[str, Any] | None = None
    is_handshake: bool = False
    bridge: Callable[[Coroutine[Any, Any, bytes]], bytes] | None = None
    translate: Callable[[object], object] | None = None
    late_refusal: tuple[str | None, Outcome] | None = None
    chain: ChainProtocol
    decided_by: str | None = None
    exception: BaseException | None = None
    bytes_sent: int = 0
    aborted: bool = False
    trace: list[TraceEntry] | None = None
    protocol: str
    canonical_path: str  # what the property `path` returns, for who must not wait for a property
    path_error: BadPathError | None = None
    authen_ran: bool = False
    selection: Selection
    app: Handler | None = None
    place: object = None
    path_params: Mapping[str, Any] = {}
    error_status: int | None = None
    may_skip_guards: bool = True
    has_body: bool = False
    is_plain: bool = False
    is_touched: bool = False
    is_query_known: bool = True
    is_mapped: bool = False
    guard_passed: bool = False
    is_altered: bool = False
    was_plain: bool = False
    called_already: tuple[Phase, Settled] | None = None
    mapped_file: tuple[str, Place] | None = None  # by which name a file was looked for, and what was found
    pending_user: Any = None
    refusal: Any = None
    finished_at: float | None = None
    kept_response: Response | None = None  # by MadeResponse
    raw_uri: str | None

    def __init__(
        self,
        method: str = "GET",
        scheme: str = "http",
        server: tuple[str, int | None] | None = None,
        root_path: str = "",
        path: str = "/",
        query_string: bytes = b"",
        headers: Headers | None = None,
        remote_addr: str | None = None,
        *,
        make_body: Callable[[], RequestBody] = RequestBody,
    ) -> None:
        """Make a request; ``path`` is decoded and is normalised here.

        Args:
            method: such as "GET".
            scheme: "http" or "https".
            server: host and port of the server.
            root_path: what the app is mounted under.
            path: the decoded path below it; bytes that are no UTF-8 as surrogate escapes.
            query_string: what follows "?".
            headers: the headers as received.
            remote_addr: the client's address.
            make_body: makes the body when it is first asked for.
        """
        self.method = method.upper()
        self.unparsed_method = method
        self.scheme = scheme
        self.server = server
        self.root_path = root_path.rstrip("/")
        self.query_string = self.quoted(query_string)
        self.headers = Headers() if headers is None else headers
        self.remote_addr = remote_addr
        self.start_time = time.time()
        self.started = time.perf_counter()
        self.protocol = "HTTP/1.1"
        self.raw_uri = None
        self.make_body = make_body
        self._asked_path = path
        self._take_path(path)
        self.is_plain = self.method in PLAIN_METHODS and self._has_plain_path

    @property
    def kind_of_next(self) -> type[Request]:
        """What a record that goes on from this one is made as."""
        return type(self)

    @staticmethod
    def quoted(query_string: bytes) -> bytes:
        """Return a query string in which what should have been percent-encoded is."""
        return query_string if query_string.isascii() else quote(query_string, safe=_ASCII).encode()

    # --- the one path

    @property
    def _has_plain_path(self) -> bool:
        # A line feed at its end is asked about in front of an app.
        return self.path_error is None and self.canonical_path != "*" and not self.canonical_path.endswith("\n")

    def _take_path(self, path: str) -> None:
        if self.path_error is not None:
            self.path_error = None
        if path == "*" and self.method == "OPTIONS":
            self.canonical_path = path
            return
        try:
            self.canonical_path = normalise(path or "/")
        except BadPathError as error:
            self.path_error = error
            self.canonical_path = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    @property
    def path(self) -> str:
        """The decoded, normalised path below the mount point; setting it rewrites the request.

        Raises:
            HookChainError: it is set in MAP_TO_STORAGE or later.
        """
        return self.canonical_path

    @path.setter
    def path(self, path: str) -> None:
        if self.phase is not None and self.phase not in _REWRITING:
            raise HookChainError(
                f"req.path = {path!r} in {self.phase.name}: the path is settled once TRANS is over; "
                "return InternalRedirect(uri) from a CONTENT handler instead"
            )
        self._take_path(path)
        for name in ("full_path", "url", "base_url"):
            self.__dict__.pop(name, None)
        if self.is_begun:
            self.selection = self.chain.select(self)
            self.alter()

    def move_to(self, path: str) -> None:
        """Take the path that a framework has made of it on the way to the route."""
        if path != self.canonical_path:
            self._take_path(path)
            self.selection = self.chain.select(self)

    @property
    def uri(self) -> str:
        """Another name for ``path``, as mod_python calls it."""
        return self.path

    @uri.setter
    def uri(self, path: str) -> None:
        self.path = path

    @property
    def unparsed_uri(self) -> str:
        """The request target as the client sent it, where the server tells it; else put together again."""
        if self.raw_uri is not None:
            return self.raw_uri
        query = self.query_string.decode("ascii")
        return encode(self.root_path + self._asked_path) + ("?" + query if query else "")

    @property
    def storage_paths(self) -> tuple[str, ...]:
        """Where the file stands, as paths below the document root: by its name, and where symlinks lead."""
        if self.filename is None:
            return ()
        root = self.chain.document_root
        name = self.filename
        if root is not None and (name == root or name.startswith(root.rstrip("/") + "/")):
            name = "/" + name[len(root) :].lstrip("/")
        real = self.path if self.mapped_file is None else self.mapped_file[1].real
        return (name,) if real == self.path else (name, real)

    @property
    def file_refusal(self) -> int | None:
        """The status with which the file is refused, kept until the request has passed its guards; or None."""
        return None if self.mapped_file is None else self.mapped_file[1].refusal

    # --- what is found out on the way

    def alter(self) -> None:
        """Take note that what is to be called is other than what was known, so that it is decided step by step."""
        if not self.is_altered:
            self.was_plain = self.is_plain
        self.is_altered, self.is_plain = True, False

    def refuse_late(self, who: str | None, refusal: Outcome) -> None:
        """Refuse the request although it has been handed to the app; its answer is looked at for that."""
        self.late_refusal, self.is_touched = (who, refusal), True

    def straighten(self) -> None:
        """Let a request go on as if it had been asked as it is now, where no more was altered than method and path."""
        may_be_plain = self.was_plain if self.is_altered else self.is_plain
        if may_be_plain and not heard and not self.has_made("added_handlers"):
            self.is_altered, self.is_plain = False, self.method in PLAIN_METHODS and self._has_plain_path

    @property
    def options(self) -> Mapping[str, Any]:
        """The ``options`` of the sections that apply, merged from the outside in."""
        return self.selection.options(self) if self.is_begun else {}

    @property
    def duration(self) -> float:
        """Seconds from the start to the last byte; until then, so far."""
        return (time.perf_counter() if self.finished_at is None else self.finished_at) - self.started

    def take_user_of(self, other: Request) -> None:
        """Keep the user of another record of the same request."""
        self.user, self.auth_type = other.user, other.auth_type

    def take_outcome_of(self, first: Request) -> None:
        """See what became of the request that this record is part of."""
        self.bytes_sent, self.aborted, self.exception = first.bytes_sent, first.aborted, first.exception
        self.finished_at = first.finished_at

    def mark_finished(self) -> None:
        """Take the time of the last byte, once."""
        if self.finished_at is None:
            self.finished_at = time.perf_counter()

    # --- credentials

    @cached_property
    def authorization(self) -> Authorization | None:
        """Werkzeug's Authorization; None for Basic credentials that are not strictly well-formed.

        Source: RFC 7617, section 2; ``security/RULES.md`` 11.
        """
        return parse_authorization(self.headers.getlist("Authorization"))

    # --- subrequests

    def lookup(self, uri: str) -> Request:
        """Run a subrequest: the phases TRANS to FIXUP without HEADER_PARSER, for what another path would pass.

        Args:
            uri: a URL: decoded once, split at "?"; relative to this request's.

        Returns:
            The subrequest: its ``status`` tells what the client would get, its ``run()`` gives the response.

        Raises:
            AsyncHandlerError: a handler that applies is async; use ``await req.alookup(uri)``.

        Source: httpd ``ap_sub_req_lookup_uri`` (server/request.c).
        """
        return self.chain.lookup(self, uri)

    async def alookup(self, uri: str) -> Request:
        """Run a subrequest, like ``lookup``."""
        return await self.chain.alookup(self, uri)

    def run(self) -> Response:
        """Return the response of a subrequest that was looked up, or the refusal.

        Raises:
            HookChainError: this is no subrequest.
        """
        return self.chain.run(self)

    async def arun(self) -> Response:
        """Return the response of a subrequest, like ``run``."""
        return await self.chain.arun(self)


_ASCII = "".join(map(chr, range(128)))
PLAIN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The methods about which nothing is to be asked; TRACE is another matter."""
_REWRITING = (Phase.POST_READ_REQUEST, Phase.TRANS)
