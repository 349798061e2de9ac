"""WritableRequest: what handlers leave with a request: headers, notes, variables, handlers and cleanups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.datastructures import Headers
from werkzeug.utils import cached_property

from .exceptions import DeclarationError, HookChainError, did_you_mean
from .handlers import Handler, SecondHalf, check_callable
from .phases import Phase, phase_named

if TYPE_CHECKING:
    from .request import Request

T = TypeVar("T")


class _Kept(cached_property[T]):
    """What is made when it is asked for, and has to be looked at on the way out or at the end."""

    def __set__(self, req: Any, value: T) -> None:
        """Take another one, which has to be looked at just so."""
        req.is_touched = True
        super().__set__(req, value)


_POSITION = {phase: position for position, phase in enumerate(Phase)}


class WritableRequest:
    """The part of ``Request`` that handlers write to; there it is said what the attributes are.

    What is made when it is asked for, and has to be looked at on the way out or at the end, says so in ``is_touched``.
    """

    phase: Phase | None
    is_touched: bool
    alter: Callable[[], None]

    def has_made(self, *names: str) -> bool:
        """Tell whether one of several things is there that are made when they are asked for, and looked at later.

        To ask for the ``__dict__`` would have a dictionary made of a request that nobody has touched (``kept_inline``).

        Args:
            names: of the attributes, such as "headers_out".
        """
        return self.is_touched and not self.__dict__.keys().isdisjoint(names)

    @_Kept
    def headers_out(self) -> Headers:
        """Headers of a response that succeeds; ``err_headers_out`` goes with every response."""
        self.is_touched = True
        return Headers()

    @_Kept
    def err_headers_out(self) -> Headers:
        """Headers of every response, errors included."""
        self.is_touched = True
        return Headers()

    @cached_property
    def notes(self) -> dict[str, Any]:
        """For handlers to talk through."""
        return {}

    @_Kept
    def env(self) -> dict[str, str]:
        """Variables for what stands behind the chain, such as the WSGI environ of the app."""
        self.is_touched = True
        return {}

    @cached_property
    def allowed_methods(self) -> set[str]:
        """Methods that handlers add to the Allow header."""
        return set()

    @_Kept
    def second_halves(self) -> list[SecondHalf]:
        """Pairs that have started, shared by all records of a request."""
        self.is_touched = True
        return []

    @_Kept
    def cleanups(self) -> list[tuple[Callable[..., object], tuple[object, ...]]]:
        """What ``register_cleanup`` was given, shared by all records of a request."""
        self.is_touched = True
        return []

    @_Kept
    def added_handlers(self) -> dict[Phase, list[Handler]]:
        """What ``add_handler`` was given."""
        self.is_touched = True
        return {}

    def add_handler(self, phase: Phase | str, handler: Callable[[Request], Any]) -> None:
        """Append a handler for this request only.

        Args:
            phase: the current phase or a later one.
            handler: called like any handler of that phase.

        Raises:
            HookChainError: the phase is over.
            DeclarationError: the handler can't be called with a request.

        Source: mod_python ``req.add_handler``.
        """
        if isinstance(phase, str) and phase.upper() not in Phase.__members__:
            names = [phase.value for phase in Phase]
            raise DeclarationError(f"add_handler({phase!r}): that is no phase{did_you_mean(phase.lower(), names)}")
        phase = phase_named(phase)
        if self.phase is not None and _POSITION[phase] < _POSITION[self.phase]:
            raise HookChainError(
                f"add_handler({phase.name}): that phase is over, {self.phase.name} is running; "
                "add a handler for the current or a later phase"
            )
        check_callable(handler, "add_handler", 1)
        self.added_handlers.setdefault(phase, []).append(Handler(handler, phase))
        self.alter()

    def register_cleanup(self, func: Callable[..., object], *args: object) -> None:
        """Call a function when the request is finished, after LOG; last in, first out.

        Args:
            func: sync or async.
            args: what it is called with.

        Raises:
            TypeError: it can't be called.

        Source: httpd ``apr_pool_cleanup_register``; mod_python ``req.register_cleanup``.
        """
        if not callable(func):
            raise TypeError(f"register_cleanup({func!r}): it is not callable")
        self.cleanups.append((func, args))
