"""Registry: what a chain and a section have in common: decorators, register(), sections, include() and load()."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, Literal, TypeAlias, TypeVar, overload

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
    make_options,
)
from .decorators import DecoratorOf, F, Names
from .exceptions import AlreadyCompiledError, DeclarationError, did_you_mean
from .handlers import Handler, caller_origin, check_callable
from .loading import import_source, marks_of, public_names
from .order import Order
from .phases import INIT, PHASE_NAMES, Phase
from .request import Request
from .scopes import Location, Scope, When, make_scope
from .several import one_or_several

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


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Included:
    """Another chain, put under a scope."""

    registry: Registry
    scope: Scope
    origin: str


class Registry:
    """What a chain and a section have in common."""

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
        self._add(Declaration(kind=kind, handler=handler, scope=_scope_of(kind.value, location, given), **ordering))

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

    # --- sections, other chains, marked handlers

    def section(
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
        authentication: Literal["required", "optional"] | None = None,
        authorization: Literal["any", "all"] | None = None,
        satisfy: Literal["all", "any"] | None = None,
        challenge: str | Collection[str] | None = None,
        public: bool = False,
        error_document: Mapping[int, Any] | str | None = None,
        without: References = (),
        options: Mapping[str, Any] | None = None,
    ) -> Section:
        """Make a section: what is registered on it applies only where its scope does.

        Args:
            location: a path prefix by whole segments, below that of this section; or a compiled regular expression.
            exact: cover ``location`` alone.
            methods: HTTP methods; GET covers HEAD.
            hosts: host names without port.
            directory: the file's folder, below ``document_root``.
            files: a shell pattern of the file's name.
            endpoint: a shell pattern of the route's name.
            when: a function of the request.
            authentication: "required", or "optional": when all AUTHEN handlers declined, go on without a user.
            authorization: "any": the first OK settles AUTHZ; "all": every AUTHZ handler must answer OK.
            satisfy: "all", or "any": passing ACCESS is enough, and so is passing AUTHEN and AUTHZ.
            challenge: sent as WWW-Authenticate with every 401; one or several.
            public: AUTHEN and AUTHZ handlers of outer sections are not called here.
            error_document: a mapping of status to target, or one target for all errors.
            without: handlers of outer sections, or their names, that are switched off here.
            options: what handlers read as ``req.options``.

        Returns:
            The section; it registers like a chain.

        Raises:
            DeclarationError: the scope or an option can't be meant.
            AlreadyCompiledError: the chain has been compiled.

        Source: httpd ``<Location>`` and its kin (server/core.c).
        """
        self.state.check_open(f"section({location!r})")
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
        given = {
            "authentication": authentication,
            "authorization": authorization,
            "satisfy": satisfy,
            "challenge": challenge,
            "public": public,
            "without": without,
            "options": options,
        }
        section = Section(self.state, scope, make_options(given), scope.describe() or "everywhere")
        section.add_error_documents(error_document)
        self.items.append(section)
        return section

    def add_error_documents(self, documents: Mapping[int, Any] | str | None) -> None:
        """Take the ``error_document`` option: a mapping of status to target, or one target for all errors."""
        if isinstance(documents, Mapping):
            for status, target in documents.items():
                self._add_error_document(_flat_statuses((status,)), target)
        elif documents is not None:
            self._add_error_document((), documents)

    def include(self, other: Any, location: Location | None = None, **scope: Any) -> None:
        """Put another chain under a location of this one.

        Args:
            other: a chain; its locations count from ``location`` on.
            location: a path prefix; None for everything.
            scope: the other scope keywords of ``section``.

        Raises:
            DeclarationError: it is no chain, or includes this one already.
        """
        self.state.check_open("include()")
        if isinstance(other, Section) or not isinstance(other, Registry):
            raise DeclarationError(f"include({other!r}): give a HookChain")
        if any(registry.state is self.state for registry in other.walk()):
            raise DeclarationError(f"include(): the chain {other.label!r} includes this one already")
        self.items.append(Included(other, _scope_of("include", location, scope), caller_origin()))

    def walk(self) -> Iterator[Registry]:
        """Yield this registry and all that stand in it, sections and included chains."""
        yield self
        for item in self.items:
            if isinstance(item, Section):
                yield from item.walk()
            elif isinstance(item, Included):
                yield from item.registry.walk()

    def load(self, source: object) -> None:
        """Register every handler that ``hookchain.mark`` has marked.

        Args:
            source: a module, a class instance or a namespace, or a dotted name of one.

        Raises:
            DeclarationError: it can't be imported, or nothing in it is marked.
        """
        source = import_source(source) if isinstance(source, str) else source
        found = False
        for name in public_names(source):
            for phase, location, options in marks_of(source, name):
                found = True
                function = getattr(source, name)
                if phase in {kind.value for kind in Filter}:
                    self._register_filter(Filter(phase), function, location, dict(options))
                else:
                    self.register(phase, function, location, **options)
        if not found:
            raise DeclarationError(
                f"load({source!r}): nothing in it is marked; mark handlers with the decorators of hookchain.mark"
            )


class Section(Registry):
    """A part of a chain with a scope and options of its own; made by ``section()``."""


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


def _scope_of(what: str, location: Location | None, keywords: dict[str, Any]) -> Scope:
    allowed = tuple(inspect.signature(make_scope).parameters)
    for key in keywords:
        if key not in allowed:
            raise DeclarationError(f"{what}: there is no {key!r}{did_you_mean(key, (*allowed, *OPTION_NAMES))}")
    return make_scope(location, **keywords)


def _flat_statuses(given: Iterable[Any]) -> list[Any]:
    return [status for item in given for status in one_or_several(item)]
