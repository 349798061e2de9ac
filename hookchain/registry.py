"""Registry: what a chain and a section have in common: what is declared on them, sections, include() and load()."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from os import PathLike
from typing import Any, Literal

from .declarations import Filter, References, make_options
from .declaring import Declaring, scope_of
from .decorators import Names
from .exceptions import DeclarationError
from .handlers import caller_origin
from .loading import import_source, marks_of, public_names
from .scopes import Location, Scope, When, make_scope


class Included:
    """Another chain, put under a scope."""

    __slots__ = ("origin", "registry", "scope")  # no dataclass: to make one takes a tenth of the library's import

    def __init__(self, registry: Registry, scope: Scope, origin: str) -> None:
        """Take the chain, its scope, and the "file:line" where it was included."""
        self.registry = registry
        self.scope = scope
        self.origin = origin


class Registry(Declaring):
    """What a chain and a section have in common."""

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
        self.items.append(Included(other, scope_of("include", location, scope), caller_origin()))

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
