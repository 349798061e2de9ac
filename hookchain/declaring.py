"""Declaring: what can be registered on a chain or section: handlers, filters and error documents."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from .declarations import (
    OPTION_NAMES,
    Declaration,
    ErrorDocument,
    Filter,
    References,
    SectionOptions,
    as_order,
    as_references,
    make_error_document,
)
from .decorators import DecoratorOf, F, Names
from .exceptions import AlreadyCompiledError, DeclarationError, did_you_mean
from .handlers import Handler, caller_origin, check_callable
from .order import Order
from .phases import INIT, PHASE_NAMES, Phase
from .request import Request
from .scopes import Location, Scope, When, make_scope
from .several import one_or_several

if TYPE_CHECKING:
    from .registry import Included, Section

G = TypeVar("G", bound=Callable[[Request, Any], Any])
PhaseName: TypeAlias = Phase | str


class State:
    """Whether a chain still takes registrations; shared by all of its sections."""

    def __init__(self, chain: str) -> None:
        """Take registrations, for a chain of this name."""
        self.chain = chain
        self.compiled = False

    def check_open(self, what: str) -> None:
        """Refuse a registration that comes too late."""
        if self.compiled:
            raise AlreadyCompiledError(
                f"{what} at {caller_origin()}: the chain {self.chain!r} has been compiled, at its first request or by "
                "compile(); register everything before, at import time"
            )


class Declaring:
    """What a chain and a section have in common: the decorators, and what is registered with them."""

    init = DecoratorOf()
    post_read_request = DecoratorOf()
    trans = DecoratorOf()
    map_to_storage = DecoratorOf()
    header_parser = DecoratorOf()
    access = DecoratorOf()
    authen = DecoratorOf()
    authz = DecoratorOf()
    type = DecoratorOf()
    fixup = DecoratorOf()
    content = DecoratorOf()
    log = DecoratorOf()
    cleanup = DecoratorOf()

    def __init__(self, state: State, scope: Scope, options: SectionOptions, label: str) -> None:
        """Start empty."""
        self.state = state
        self.scope = scope
        self.section_options = options
        self.label = label
        self.origin = caller_origin()
        self.items: list[Declaration | Section | Included] = []
        self.error_documents: list[ErrorDocument] = []

    def register(
        self,
        phase: PhaseName,
        handler: Callable[[Request], Any],
        location: Location | None = None,
        *,
        exact: bool = False,
        methods: Names | None = None,
        hosts: Names | None = None,
        directory: str | PathLike[str] | None = None,
        files: str | None = None,
        endpoint: str | None = None,
        when: When | None = None,
        order: Order | None = None,
        before: References = (),
        after: References = (),
        requires: References = (),
        name: str | None = None,
        blocking: bool = True,
        allow_duplicate: bool = False,
    ) -> None:
        """Register a handler; what every decorator calls.

        Args:
            phase: a Phase or its name, or "init".
            handler: called with the request; sync, async, or a generator function that yields its answer once.
            location: a path prefix by whole segments, or a compiled regular expression.
            exact: cover ``location`` alone.
            methods: HTTP methods; GET covers HEAD. All where not given.
            hosts: host names without port. All where not given.
            directory: the file's folder, below ``document_root``.
            files: a shell pattern of the file's name.
            endpoint: a shell pattern of the route's name, in places that have routes.
            when: a function of the request.
            order: the rank inside the phase; MIDDLE where not given.
            before: handlers or names of the same phase that come later.
            after: handlers or names of the same phase that come earlier.
            requires: handlers or names that must be present and run before, in this or an earlier phase.
            name: what the handler is called; "module.qualname" where not given.
            blocking: False lets a sync handler run on the event loop under ASGI.
            allow_duplicate: permit the same handler twice for the same phase and scope.

        Raises:
            DeclarationError: the declaration is wrong by itself.
            AlreadyCompiledError: the chain has been compiled.

        Source: httpd ``ap_hook_*`` (apr_hooks.h); mod_python's ``Python*Handler`` directives.
        """
        kind, is_init = _kind_named(phase)
        what = f"{phase.value if isinstance(phase, Phase) else phase} handler"
        check_callable(handler, what, 1)
        scope = make_scope(
            location,
            exact=exact,
            methods=methods,
            hosts=hosts,
            directory=directory,
            files=files,
            endpoint=endpoint,
            when=when,
        )
        default_order = Order.FIRST if is_init else Order.MIDDLE
        self._add(
            Declaration(
                kind=kind,
                handler=Handler(handler, kind, name=name, blocking=blocking),
                scope=scope,
                order=default_order if order is None else as_order(order),
                before=as_references("before", before),
                after=as_references("after", after),
                requires=as_references("requires", requires),
                is_init=is_init,
                allow_duplicate=allow_duplicate,
            )
        )

    def _add(self, declaration: Declaration) -> None:
        self.state.check_open(f"registering {declaration.handler.name}")
        for other in self.items:
            if isinstance(other, Declaration) and same_declaration(other, declaration):
                raise DeclarationError(
                    f"{declaration} is registered twice for {declaration.kind.value} and the same scope; "
                    "remove one, or say allow_duplicate=True"
                )
        self.items.append(declaration)

    # --- filters and error documents

    @overload
    def input_filter(self, function: G, /) -> G: ...

    @overload
    def input_filter(self, location: Location | None = None, **scope_and_order: Any) -> Callable[[G], G]: ...

    def input_filter(self, location: Any = None, **scope_and_order: Any) -> Any:
        """Register an input filter: it gets ``(req, stream)`` and returns the stream to read instead.

        The arguments are those of ``register``, from ``location`` on.

        Source: httpd ``ap_register_input_filter`` (include/util_filter.h).
        """
        return self._filter_decorator(Filter.INPUT, location, scope_and_order)

    @overload
    def output_filter(self, function: G, /) -> G: ...

    @overload
    def output_filter(self, location: Location | None = None, **scope_and_order: Any) -> Callable[[G], G]: ...

    def output_filter(self, location: Any = None, **scope_and_order: Any) -> Any:
        """Register an output filter: it gets ``(req, response)`` before the first byte.

        It may change headers, wrap the body iterable, or return another response. The arguments are those of
        ``register``, from ``location`` on.

        Source: httpd ``ap_register_output_filter`` (include/util_filter.h).
        """
        return self._filter_decorator(Filter.OUTPUT, location, scope_and_order)

    def _filter_decorator(self, kind: Filter, location: Any, options: dict[str, Any]) -> Any:
        if callable(location):
            self._register_filter(kind, location, None, options)
            return location

        def decorate(function: G) -> G:
            self._register_filter(kind, function, location, dict(options))
            return function

        return decorate

    def _register_filter(
        self, kind: Filter, function: Callable[..., Any], location: Any, given: dict[str, Any]
    ) -> None:
        check_callable(function, kind.value, 2)
        handler = Handler(function, None, name=given.pop("name", None), blocking=given.pop("blocking", True))
        ordering: dict[str, Any] = {
            "order": as_order(given.pop("order", Order.MIDDLE)),
            **{key: as_references(key, given.pop(key, ())) for key in ("before", "after", "requires")},
            "allow_duplicate": given.pop("allow_duplicate", False),
        }
        self._add(Declaration(kind=kind, handler=handler, scope=scope_of(kind.value, location, given), **ordering))

    @overload
    def error_document(self, function: F, /) -> F: ...

    @overload
    def error_document(self, *statuses: int) -> Callable[[F], F]: ...

    @overload
    def error_document(self, *statuses_and_target: int | str | Collection[int] | Callable[[Request], Any]) -> Any: ...

    def error_document(self, *statuses_and_target: Any) -> Any:
        """Say what replaces the plain page of an error.

        ``error_document(404, "/missing.html")``, ``error_document(503, "Back soon.")``, or as a decorator,
        ``@hooks.error_document(404, 410)``; without statuses it covers 400 to 599.

        Args:
            statuses_and_target: statuses, then, unless used as a decorator, the target: a URI that starts with "/",
                a text, or a handler that answers like CONTENT.

        Returns:
            A decorator, or the handler that was given.

        Raises:
            DeclarationError: a status is not from 400 to 599, or the target is none.

        Source: httpd ``ErrorDocument`` (server/core.c).
        """
        statuses = _flat_statuses(statuses_and_target)
        if statuses and (isinstance(statuses[-1], str) or callable(statuses[-1])):
            return self._add_error_document(statuses[:-1], statuses[-1])

        def decorate(function: F) -> F:
            self._add_error_document(statuses, function)
            return function

        return decorate

    def _add_error_document(self, statuses: Collection[int], target: Any) -> Any:
        self.state.check_open("error_document")
        checked = target
        if callable(target):
            check_callable(target, "error_document", 1)
            checked = Handler(target, Phase.CONTENT)
        self.error_documents.append(make_error_document(statuses, checked))
        return target

    def add_error_documents(self, documents: Mapping[int, Any] | str | None) -> None:
        """Take the ``error_document`` option: a mapping of status to target, or one target for all errors."""
        if isinstance(documents, Mapping):
            for status, target in documents.items():
                self._add_error_document(_flat_statuses((status,)), target)
        elif documents is not None:
            self._add_error_document((), documents)


def same_declaration(one: Declaration, other: Declaration) -> bool:
    """Tell whether two registrations are one too many."""
    return (
        one.kind is other.kind
        and one.is_init == other.is_init
        and one.handler.function == other.handler.function
        and one.scope == other.scope
        and not (one.allow_duplicate or other.allow_duplicate)
    )


def _kind_named(phase: PhaseName) -> tuple[Phase, bool]:
    if isinstance(phase, Phase):
        return phase, False
    name = str(phase).lower()
    if name == INIT:
        return Phase.POST_READ_REQUEST, True
    if name not in PHASE_NAMES:
        raise DeclarationError(
            f"{phase!r} is no phase{did_you_mean(name, PHASE_NAMES)}; the phases are {', '.join(PHASE_NAMES)}"
        )
    return Phase[name.upper()], False


def scope_of(what: str, location: Location | None, keywords: dict[str, Any]) -> Scope:
    """Make the scope of a declaration whose keywords are not written out; ``what`` names it in errors."""
    allowed = tuple(inspect.signature(make_scope).parameters)
    for key in keywords:
        if key not in allowed:
            raise DeclarationError(f"{what}: there is no {key!r}{did_you_mean(key, (*allowed, *OPTION_NAMES))}")
    return make_scope(location, **keywords)


def _flat_statuses(given: Iterable[Any]) -> list[Any]:
    return [status for item in given for status in one_or_several(item)]
