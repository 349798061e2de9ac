"""Place: where a chain runs, and what can be done to it there."""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable, Collection, Generator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from hookchain.chain import HookChain

from .asgi_server import ASGIServer
from .exchanges import Difference, Server
from .wsgi_server import WSGIServer

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Message: TypeAlias = MutableMapping[str, Any]
ASGIApplication: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class Place(abc.ABC):
    """Where a chain runs: a server, a framework, a way to mount it.

    Attributes:
        name: what it is called.
        has_app: whether something stands behind the chain, and answers what ``answer`` says.
        has_loop: whether a request is a task on an event loop, which can be cancelled while it runs.
        endpoint: the name of the app's route, where the place has routes with names; else "".
        hears_cancellation: whether a request on an event loop is told that its server has cancelled it.
        hears_refusals: whether it is told that its server does not begin a response.
        shows_exceptions: whether ``debug=True`` lets an exception pass to the server.
        leaves: names of context variables that the framework leaves changed in the context of its server.
        differences: where the place may differ from the others.
    """

    name: ClassVar[str]
    has_app: ClassVar[bool] = True
    has_loop: ClassVar[bool] = False
    endpoint: ClassVar[str] = ""
    hears_cancellation: ClassVar[bool] = True
    hears_refusals: ClassVar[bool] = True
    shows_exceptions: ClassVar[bool] = True
    leaves: ClassVar[Collection[str]] = ()
    differences: ClassVar[tuple[Difference, ...]] = ()

    @abc.abstractmethod
    def serving(self, chain: HookChain) -> AbstractContextManager[Server]:
        """Serve a chain while a test lasts.

        Args:
            chain: a new one for each test, not compiled yet.
        """


class WSGIPlace(Place):
    """A place that comes to a WSGI application in the end; the suite brings the server."""

    @abc.abstractmethod
    def application(self, chain: HookChain) -> WSGIApplication:
        """Return the application that a WSGI server runs, with the chain in it."""

    @contextmanager
    def serving(self, chain: HookChain) -> Generator[Server]:
        """Serve the application."""
        yield WSGIServer(self.application(chain), self.leaves)


class ASGIPlace(Place):
    """A place that comes to an ASGI application in the end; the suite brings the server and its event loop."""

    has_loop: ClassVar[bool] = True

    @abc.abstractmethod
    def application(self, chain: HookChain) -> ASGIApplication:
        """Return the application that an ASGI server runs, with the chain in it."""

    @contextmanager
    def serving(self, chain: HookChain) -> Generator[Server]:
        """Serve the application."""
        with ASGIServer(self.application(chain), self.leaves) as server:
            yield server
