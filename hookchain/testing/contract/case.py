"""Case: what the tests of the contract are made with."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any, ClassVar, TypeVar

import pytest

from hookchain.access_log import AccessLog
from hookchain.chain import HookChain
from hookchain.exceptions import AsyncHandlerError
from hookchain.request import Request

from .comparison import check_same
from .exchanges import Answer, Sent, Server
from .places import Place
from .reference import reference

F = TypeVar("F", bound=Callable[..., Any])

FORMAT = '%h %u "%r" %>s'


def needs(*capabilities: str) -> Callable[[F], F]:
    """Mark a test as one for places of which these attributes are true; elsewhere it is left out."""

    def mark(test: F) -> F:
        vars(test)["needs"] = capabilities
        return test

    return mark


class Log:
    """The access log of a chain under test: the records that were finished, and their lines.

    Attributes:
        then: called when a record has been kept; a test puts a fault there.
        may_lose_lines: whether that may keep the line from being written.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.requests: list[Request] = []
        self.lines: list[str] = []
        self.then: Callable[[], object] = lambda: None
        self.may_lose_lines = False

    def keep(self, req: Request) -> bool:
        """Keep a record."""
        self.requests.append(req)
        self.then()
        return True

    def write(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)

    def flush(self) -> None:
        """Have nothing to do."""


class Case:
    """A chain in a place, and a request to it.

    Attributes:
        place: the place.
    """

    place: ClassVar[Place]

    def __init_subclass__(cls, **options: Any) -> None:
        """Leave out the tests for which the place lacks something."""
        super().__init_subclass__(**options)
        if not hasattr(cls, "place"):
            return
        for name in dir(cls):
            lacks = [need for need in getattr(getattr(cls, name), "needs", ()) if not getattr(cls.place, need)]
            if lacks:
                setattr(cls, name, None)

    @pytest.fixture(autouse=True)
    def _serving(self, request: pytest.FixtureRequest) -> Generator[None]:
        # A request without a trace goes straight through where it can, as in production; with one, step by step, and it
        # can be seen what was called. Each promise is held both ways, in one place or the other.
        self.is_traced = bool(zlib.crc32(f"{type(self).__name__} {request.node.name}".encode()) % 2)
        self._servers: dict[HookChain, Server] = {}
        self._logs: dict[HookChain, Log] = {}
        with ExitStack() as self._stack:
            yield None

    def chain(self, **options: Any) -> HookChain:
        """Return a new chain, whose access log is looked at."""
        log = Log()
        chain = HookChain("contract", access_log=AccessLog(FORMAT, to=log, when=log.keep), **options)
        chain.keeps_trace = True
        self._logs[chain] = log
        return chain

    def log(self, chain: HookChain) -> Log:
        """Return the access log of a chain."""
        return self._logs[chain]

    def server(self, chain: HookChain) -> Server:
        """Serve a chain in the place, until the test is over."""
        if chain not in self._servers:
            self._servers[chain] = self._stack.enter_context(self.place.serving(chain))
        return self._servers[chain]

    def ask(self, chain: HookChain, path: str = "/", method: str = "GET", **options: Any) -> Answer:
        """Send a request to the place, and check that it does what the chain does without a server.

        Args:
            chain: such as ``chain`` makes.
            path: the request target.
            method: the method.
            options: as for ``hookchain.testing.make_request``.

        Returns:
            What came back in the place.
        """
        sent = Sent(path, method, options)
        server = self.server(chain)
        here = self.without_server(chain, sent)
        chain.keeps_trace, keeps_trace = self.is_traced and chain.keeps_trace, chain.keeps_trace
        there = self._heard(chain, lambda: server.ask(sent))
        chain.keeps_trace = keeps_trace
        check_same(there, here, self.place.differences)
        return there

    def without_server(self, chain: HookChain, sent: Sent) -> Answer:
        """Send a request to the chain without a server."""
        here = self._heard(chain, lambda: reference(chain, sent, has_app=self.place.has_app))
        if isinstance(here.raised, AsyncHandlerError):  # of a handler that is not registered, but comes up
            return self._heard(chain, lambda: reference(chain, sent, has_app=self.place.has_app, is_async=True))
        return here

    def send(self, chain: HookChain, sent: Sent) -> Answer:
        """Send a request to the place alone."""
        server = self.server(chain)
        return self._heard(chain, lambda: server.ask(sent))

    def _heard(self, chain: HookChain, ask: Callable[[], Answer]) -> Answer:
        log = self._logs[chain]
        asked, written = len(log.requests), len(log.lines)
        answer = ask()
        asked, written = len(log.requests) - asked, len(log.lines) - written
        assert asked == 1, f"the access log was asked {asked} times: {answer.raised!r}"
        assert written == 1 or log.may_lose_lines, f"{written} lines were written to the access log"
        answer.req, answer.line = log.requests[-1], "".join(log.lines[-1:])
        return answer


def note(req: Request, word: str) -> None:
    """Write a word down in the request that the client sent, whichever of its records this is."""
    while (earlier := req.prev or req.main) is not None:
        req = earlier
    req.notes.setdefault("ran", []).append(word)


def says(name: str, answer: object = None) -> Callable[[Request], Any]:
    """Return a handler that notes its name, and answers or raises what it is told."""

    def handler(req: Request) -> object:
        note(req, name)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return named(handler, name)


def asays(name: str, answer: object = None) -> Callable[[Request], Any]:
    """Return an async handler that does the same."""

    async def handler(req: Request) -> object:
        note(req, name)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return named(handler, name)


def named(handler: F, name: str) -> F:
    """Give a handler a name of its own in traces and messages."""
    handler.__qualname__, handler.__module__ = name, "contract"
    return handler
