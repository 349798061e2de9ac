"""ChainProtocol: what a request needs of its chain; the one place where imports would point upwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.wrappers import Response

from .handlers import Handler

if TYPE_CHECKING:
    from .plan import Selection
    from .request import Request


class Files(Protocol):
    """The default handlers that serve files, and the question whether there is one."""

    translate: Handler
    map_to_storage: Handler
    find_type: Handler
    content: Handler
    found: Handler


class Writer(Protocol):
    """What writes access log lines: a step for drivers."""

    @property
    def is_async(self) -> bool:
        """Whether ``call`` returns an awaitable."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether it has to be kept off an event loop."""
        ...

    @property
    def call(self) -> Callable[[Any], None]:
        """Write the line of a request."""
        ...


class ChainProtocol(Protocol):
    """What a request needs of its chain; the one place where imports would point upwards."""

    name: str

    @property
    def debug(self) -> bool:
        """Whether exceptions are raised to the server or framework."""
        ...

    @property
    def document_root(self) -> str | None:
        """The folder whose files are served."""
        ...

    @property
    def max_body(self) -> int | None:
        """Bytes of a body that may be read."""
        ...

    @property
    def trace_method(self) -> bool:
        """Whether the method TRACE is answered."""
        ...

    @property
    def files(self) -> Files | None:
        """The default handlers that serve files, where there is a document root."""
        ...

    @property
    def access_log(self) -> Writer | None:
        """Where the access log line goes."""
        ...

    @property
    def cleanup_timeout(self) -> float:
        """Seconds that LOG and CLEANUP may take on an event loop once the client is gone."""
        ...

    def select(self, req: Request) -> Selection:
        """Find what applies to the request's path, method and host."""
        ...

    def guards_agree(self, req: Request, path: str) -> bool:
        """Tell whether another path is guarded by exactly what guards this request."""
        ...

    def lookup(self, req: Request, uri: str) -> Request:
        """Run a subrequest up to FIXUP."""
        ...

    async def alookup(self, req: Request, uri: str) -> Request:
        """Run a subrequest up to FIXUP."""
        ...

    def run(self, req: Request) -> Response:
        """Run CONTENT of a subrequest that was looked up."""
        ...

    async def arun(self, req: Request) -> Response:
        """Run CONTENT of a subrequest that was looked up."""
        ...
