"""``hooks.authen`` and its kin: a decorator for each phase, on every chain and section."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from .declarations import References
from .exceptions import DeclarationError, did_you_mean
from .order import Order
from .request import Request
from .scopes import Location, When

if TYPE_CHECKING:
    from .declaring import Declaring

F = TypeVar("F", bound=Callable[[Request], Any])
Names: TypeAlias = str | Collection[str]


class PhaseDecorator:
    """``hooks.authen`` and the like: a decorator that is used bare or called with scope and order."""

    def __init__(self, registry: Declaring, phase: str) -> None:
        """Bind the name of a phase to a chain or section."""
        self._registry = registry
        self._phase = phase

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(
        self,
        location: Location | None = None,
        *,
        exact: bool = False,
        methods: Names | None = None,
        hosts: Names | None = None,
        directory: str | PathLike[str] | None = None,
        files: str | None = None,
        endpoint: str | None = None,
        when: When | None = None,
        order: Order = Order.MIDDLE,
        before: References = (),
        after: References = (),
        requires: References = (),
        name: str | None = None,
        blocking: bool = True,
        allow_duplicate: bool = False,
    ) -> Callable[[F], F]: ...

    def __call__(self, location: Any = None, **options: Any) -> Any:
        """Register the decorated function, and return it unchanged; the arguments are those of ``register``.

        Raises:
            DeclarationError: there is no such option; what else ``register`` raises.
        """
        known = inspect.signature(self._registry.register).parameters
        for name in options.keys() - known.keys():
            raise DeclarationError(f"{self._phase}() takes no option {name!r}{did_you_mean(name, known)}")
        if callable(location):
            self._registry.register(self._phase, location, **options)
            return location
        place: Any = location

        def decorate(function: F) -> F:
            self._registry.register(self._phase, function, place, **options)
            return function

        return decorate


class DecoratorOf:
    """The descriptor that gives each chain and section its decorators."""

    def __set_name__(self, owner: type[Declaring], name: str) -> None:
        self._name = name

    def __get__(self, registry: Declaring, owner: type[Declaring]) -> PhaseDecorator:
        return PhaseDecorator(registry, self._name)
