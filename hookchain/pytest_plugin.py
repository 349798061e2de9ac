"""The pytest plugin: fixtures that make requests, run one phase, and tell what ran, on a chain that a project gives.

A project overrides the fixture ``chain``::

    @pytest.fixture
    def chain():
        return mysite.hooks.hooks

Loaded by pytest itself where hookchain is installed (entry point ``pytest11``).
"""

from __future__ import annotations

import contextvars
import difflib
from collections.abc import Generator
from typing import Protocol

import pytest
from werkzeug.test import Client

from . import signals, testing
from .chain import HookChain
from .dispatch import run_phase as phase_steps
from .drivers import InContext, drive_to_end
from .phases import Phase, phase_named
from .request import Request, TraceEntry
from .results import Raised


class PhaseTrace:
    """What ran for the requests of a test, in order, and what each handler answered."""

    def __init__(self) -> None:
        """Start without requests."""
        self._requests: list[Request] = []

    def watch(self, _chain: object, request: Request) -> None:
        """Take in a request that has just begun."""
        self._requests.append(request)

    @property
    def entries(self) -> list[TraceEntry]:
        """What ran, requests one after the other."""
        return [entry for req in self._requests for entry in req.trace or ()]

    @property
    def handlers(self) -> list[str]:
        """The names of the handlers that ran."""
        return [entry.handler for entry in self.entries if entry.handler]

    @property
    def phases(self) -> list[Phase]:
        """The phases that handlers ran in, each time that it changed."""
        ran = [entry.phase for entry in self.entries if entry.handler]
        return [phase for phase, before in zip(ran, [None, *ran], strict=False) if phase is not before]

    def answers(self, handler: str) -> list[object]:
        """Return what a handler answered, each time that it ran."""
        return [entry.answer for entry in self.entries if entry.handler == handler]

    def clear(self) -> None:
        """Forget the requests so far."""
        self._requests.clear()

    def assert_ran(self, *handlers: str) -> None:
        """Assert that exactly these handlers ran, in this order.

        Args:
            handlers: names, in full or their last parts: "mysite.hooks.by_token", "hooks.by_token" or "by_token".

        Raises:
            AssertionError: others ran; the message shows the difference, with phases and answers.
        """
        ran = [entry for entry in self.entries if entry.handler]
        same = len(ran) == len(handlers) and all(
            _is_called(entry.handler, name) for entry, name in zip(ran, handlers, strict=True)
        )
        if not same:
            raise AssertionError(_difference(handlers, ran))

    def __repr__(self) -> str:
        """Show a line for each handler that ran."""
        return "\n".join(map(_line, self.entries)) or "nothing ran"


def _is_called(full_name: str, name: str) -> bool:
    return full_name == name or full_name.endswith(f".{name}")


def _line(entry: TraceEntry) -> str:
    record = f"{entry.record}: " if entry.record else ""
    return f"{record}{entry.phase.name:<18} {entry.handler or '(left out)'} -> {entry.answer!r}"


def _difference(expected: tuple[str, ...], ran: list[TraceEntry]) -> str:
    # Names are compared as they were expected, so that a full name does not differ from its last part.
    names = [next((name for name in expected if _is_called(entry.handler, name)), entry.handler) for entry in ran]
    diff = difflib.ndiff(list(expected), names)
    shown = "\n".join(line for line in diff if not line.startswith("?"))
    return f"other handlers ran than expected (- expected, + ran):\n{shown}\n\nwhat ran:\n" + "\n".join(map(_line, ran))


class RunPhase(Protocol):
    """What the fixture ``run_phase`` gives."""

    def __call__(self, phase: Phase | str, request: Request) -> object:
        """Run one phase."""
        ...


class MakeRequest(Protocol):
    """What the fixture ``make_request`` gives; see ``hookchain.testing.make_request``."""

    def __call__(self, path: str = "/", method: str = "GET", **options: object) -> Request:
        """Make a request."""
        ...


@pytest.fixture
def chain() -> HookChain:
    """The chain under test; a project overrides this fixture to return its own."""
    pytest.fail(
        "the fixtures of hookchain act on the fixture 'chain': define one in conftest.py that returns your HookChain",
        pytrace=False,
    )


@pytest.fixture
def make_request() -> MakeRequest:
    """Make requests without a server; see ``hookchain.testing.make_request``."""
    return testing.make_request


@pytest.fixture
def run_phase(chain: HookChain) -> RunPhase:
    """Run one phase of the chain for a made request.

    The fixture is a function of the phase (or its name) and the request. It returns what settled the phase: OK, DONE, a
    status, a Response; or None where every handler let the request go on. What a handler raises passes, Werkzeug's
    HTTPException included; async handlers are run to their end.
    """

    def run(phase: Phase | str, request: Request) -> object:
        chain.begin(request)
        caller = InContext(contextvars.copy_context(), uses_loop=True)
        settled = drive_to_end(phase_steps(request, phase_named(phase)), caller)
        answer = None if settled is None else settled[1]
        if isinstance(answer, Raised):
            raise answer.error
        return answer

    return run


@pytest.fixture
def phase_trace(chain: HookChain) -> Generator[PhaseTrace, None, None]:
    """What ran for each request that the chain processes during the test."""
    trace = PhaseTrace()
    kept, chain.keeps_trace = chain.keeps_trace, True
    with signals.request_started.connected_to(trace.watch, chain):
        yield trace
    chain.keeps_trace = kept


@pytest.fixture
def hook_client(chain: HookChain) -> Client:
    """A test client on the chain, standing alone; Werkzeug's."""
    return Client(chain.wsgi())
