"""What a handler is: how it is called, whether it is async (found once), and where it was written."""

from __future__ import annotations

import functools
import inspect
import os
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from types import CodeType
from typing import TYPE_CHECKING, Any, TypeAlias

from .exceptions import DeclarationError, HandlerError
from .phases import Phase

if TYPE_CHECKING:
    from .request import Request

HandlerFunction: TypeAlias = Callable[..., Any]
"""What users write: called with the request; sync, async, or a (sync or async) generator function."""

_PACKAGE = __file__.rpartition(os.sep)[0]


class Handler:
    """A function made ready to be called in one phase.

    Attributes:
        name: what it is called in messages, ``before=`` and ``explain``; "module.qualname" unless given.
        function: what the user registered.
        phase: where it is called; None for filters and error documents.
        call: what a driver calls; a pair's start, or the function itself.
        is_async: whether ``call`` returns an awaitable.
        blocking: whether a sync call has to be kept off an event loop.
        origin: "file:line" of the function.
    """

    __slots__ = ("blocking", "call", "function", "is_async", "name", "origin", "phase")

    def __init__(
        self,
        function: HandlerFunction,
        phase: Phase | None,
        *,
        name: str | None = None,
        blocking: bool = True,
        origin: str | None = None,
    ) -> None:
        """Find out what the function is; see ``check_callable`` for what is refused before."""
        self.function = function
        self.phase = phase
        self.name = name or name_of(function)
        self.blocking = blocking
        self.origin = origin or origin_of(function)
        target = plain_callable(function)
        is_pair = phase is not None and phase is not Phase.CONTENT
        self.call: Callable[..., Any] = target
        self.is_async = inspect.iscoroutinefunction(target)
        if is_pair and inspect.isgeneratorfunction(target):
            self.call = functools.partial(_start_pair, self, target)
        elif is_pair and inspect.isasyncgenfunction(target):
            self.call = functools.partial(_start_async_pair, self, target)
            self.is_async = True

    def __repr__(self) -> str:
        """Show name and place."""
        return f"<Handler {self.name} at {self.origin}>"

    def error(self, message: str) -> HandlerError:
        """Return an error that names this handler."""
        return HandlerError(message, handler=self.name, phase=self.phase, origin=self.origin)


class SecondHalf:
    """What stands after the ``yield`` of a pair, to be run when the request is finished."""

    __slots__ = ("generator", "handler")

    blocking = True

    def __init__(self, handler: Handler, generator: Generator[Any, Any, Any] | AsyncGenerator[Any, Any]) -> None:
        """Keep the generator, which stands at its ``yield``."""
        self.handler = handler
        self.generator = generator

    @property
    def is_async(self) -> bool:
        """Whether ``call`` returns an awaitable."""
        return isinstance(self.generator, AsyncGenerator)

    def call(self, error: BaseException | None) -> Awaitable[None] | None:
        """Run the second half; with the exception that ended the request, if one did, raised at the ``yield``."""
        if isinstance(self.generator, AsyncGenerator):
            return self._call_async(self.generator, error)
        try:
            if error is None:
                next(self.generator)
            else:
                self.generator.throw(error)
        except StopIteration:
            return None
        except BaseException as raised:
            _unless_same(raised, error)
            return None
        self.generator.close()
        raise self.handler.error("yielded twice; a handler that is a pair yields its answer once")

    async def _call_async(self, generator: AsyncGenerator[Any, Any], error: BaseException | None) -> None:
        try:
            if error is None:
                await anext(generator)
            else:
                await generator.athrow(error)
        except StopAsyncIteration:
            return
        except BaseException as raised:
            _unless_same(raised, error)
            return
        await generator.aclose()
        raise self.handler.error("yielded twice; a handler that is a pair yields its answer once")


def _unless_same(raised: BaseException, error: BaseException | None) -> None:
    # A pair that lets the request's exception pass is not failing: the exception has been dealt with before.
    # A generator wraps StopIteration into a RuntimeError (PEP 479).
    if raised is not error and (error is None or raised.__cause__ is not error):
        raise raised


def _start_pair(handler: Handler, function: Callable[..., Generator[Any, Any, Any]], req: Request) -> Any:
    generator = function(req)
    for answer in generator:
        req.second_halves.append(SecondHalf(handler, generator))
        return answer
    raise handler.error("ended without a yield; a handler that is a pair yields its answer once")


async def _start_async_pair(handler: Handler, function: Callable[..., AsyncGenerator[Any, Any]], req: Request) -> Any:
    generator = function(req)
    async for answer in generator:
        req.second_halves.append(SecondHalf(handler, generator))
        return answer
    raise handler.error("ended without a yield; a handler that is a pair yields its answer once")


def plain_callable(function: HandlerFunction) -> HandlerFunction:
    """Return what is called in the end: an object's bound ``__call__``, or the function as it is."""
    if _is_plain(function):
        return function
    bound: HandlerFunction = getattr(function, "__call__")  # noqa: B004, B009 - wanted is the method, not whether it is there
    return bound


def _is_plain(function: object) -> bool:
    return inspect.isroutine(function) or isinstance(function, functools.partial | type)


def check_callable(function: object, what: str, arguments: int) -> None:
    """Refuse what can't be called with so many arguments.

    Args:
        function: what was registered.
        what: what it was registered as, for the message.
        arguments: how many positional arguments it will be called with.

    Raises:
        DeclarationError: it is not callable, or takes other arguments.
    """
    if not callable(function):
        raise DeclarationError(f"{what}: {function!r} is not callable; give a function that takes the request")
    try:
        signature = inspect.signature(function)
    except ValueError:  # builtins that do not tell
        return
    try:
        signature.bind(*range(arguments))
    except TypeError as error:
        takes = "the request" if arguments == 1 else "the request and the stream or response"
        raise DeclarationError(
            f"{what}: {name_of(function)}{signature} at {origin_of(function)} can't be called with {takes}: {error}; "
            f"let it take {takes}, and nothing else without a default"
        ) from error


def name_of(function: object) -> str:
    """Return "module.qualname" of a function, or of what a partial or an object stands for."""
    while isinstance(function, functools.partial):
        function = function.func
    owner: Any = function if hasattr(function, "__qualname__") else type(function)
    return f"{owner.__module__}.{owner.__qualname__}"


def origin_of(function: object) -> str:
    """Return "file:line" of a function, unwrapped; of the line that registers it where it has no code of its own."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function) if callable(function) else function
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004 - the method is wanted
    if isinstance(code, CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}"
    return caller_origin()


def caller_origin() -> str:
    """Return "file:line" of the nearest caller outside of this package."""
    stack = traceback.walk_stack(inspect.currentframe())
    places = [(frame.f_code.co_filename, line) for frame, line in stack]
    outside = [f"{file}:{line}" for file, line in places if file.rpartition(os.sep)[0] != _PACKAGE]
    return outside[0]
