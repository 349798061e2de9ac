"""HookChain: what users hold; every method is a few lines."""

from __future__ import annotations

import contextvars
import os
from collections.abc import AsyncIterable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from werkzeug.wrappers import Response

from .agreement import guards_agree
from .cycle import cycle
from .declarations import Reference, References, make_options, reference_name
from .declaring import State
from .defaults import FileHandlers, file_handlers
from .delivery import as_response, async_body_met, deliver
from .drivers import InContext
from .exceptions import CompileError, DeclarationError, Problem, did_you_mean
from .handlers import HandlerFunction, check_callable
from .phases import Phase
from .plan import Plan, Selection
from .records import current
from .registry import Registry
from .request import Request
from .scopes import Scope
from .settings import make_settings
from .signals import heard, somebody_observes
from .tree import Tree

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from .access_log import AccessLog
    from .adelivery import AsyncResponse
    from .asgi import ASGIChain
    from .explanation import Explanation
    from .inline_app import ASGIApp
    from .wsgi import WSGIChain


class HookChain(Registry):
    """A chain of handlers in the phases of a request.

    Register handlers with its decorators or from configuration, then run it: ``hooks.wsgi()`` alone on a server,
    ``hooks.wsgi(app)`` around an app, ``hooks.handle(req)`` without a server.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        document_root: str | os.PathLike[str] | None = None,
        closed: bool = False,
        debug: bool = False,
        access_log: bool | str | AccessLog = True,
        max_body: int | None = None,
        cleanup_timeout: float = 5.0,
        index: str | Sequence[str] = ("index.html",),
        listing: bool = False,
        precompressed: bool = True,
        trace_method: bool = False,
        authentication: Literal["required", "optional"] | None = None,
        authorization: Literal["any", "all"] | None = None,
        satisfy: Literal["all", "any"] | None = None,
        challenge: str | Collection[str] | None = None,
        public: bool = False,
        error_document: Mapping[int, Any] | str | None = None,
        without: References = (),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Make an empty chain.

        Args:
            name: what it is called in messages.
            document_root: a folder whose files are sent where no handler and no app answers.
            closed: refuse with 403 what is neither guarded nor public.
            debug: raise exceptions to the server or framework, and keep a trace of each request.
            access_log: False, True ("combined"), a name, a format in Apache's language, or an AccessLog.
            max_body: bytes of a request body that handlers and the app may read; None for no limit.
            cleanup_timeout: seconds that LOG and CLEANUP may take under ASGI once the client is gone.
            index: names of the files that answer for a folder.
            listing: list folders that have no index file.
            precompressed: send ``name.br``, ``name.zst`` or ``name.gz`` to clients that take them.
            trace_method: answer the method TRACE, which is refused otherwise.
            authentication: see ``section``, as for all that follows.
            authorization: likewise.
            satisfy: likewise.
            challenge: likewise.
            public: likewise.
            error_document: likewise.
            without: likewise.
            options: likewise.

        Raises:
            DeclarationError: a value can't be meant.
        """
        given = {
            "authentication": authentication,
            "authorization": authorization,
            "satisfy": satisfy,
            "challenge": challenge,
            "public": public,
            "without": without,
            "options": options,
        }
        self.name = name or "hooks"
        super().__init__(State(self.name), Scope(), make_options(given), self.name)
        self.settings = make_settings(
            {
                "document_root": document_root,
                "closed": closed,
                "debug": debug,
                "access_log": access_log,
                "max_body": max_body,
                "cleanup_timeout": cleanup_timeout,
                "index": index,
                "listing": listing,
                "precompressed": precompressed,
                "trace_method": trace_method,
            }
        )
        self.add_error_documents(error_document)
        self.keeps_trace = False
        self._plan: Plan | None = None
        self.files: FileHandlers | None = None

    def __repr__(self) -> str:
        """Show the name."""
        return f"<HookChain {self.name!r}>"

    # --- settings, as requests ask for them

    @property
    def closed(self) -> bool:
        """Whether what is neither guarded nor public is refused."""
        return self.settings.closed

    @property
    def debug(self) -> bool:
        """Whether exceptions are raised to the server or framework."""
        return self.settings.debug

    @property
    def document_root(self) -> str | None:
        """The folder whose files are served, as an absolute path."""
        return self.settings.document_root

    @property
    def max_body(self) -> int | None:
        """Bytes of a request body that may be read."""
        return self.settings.max_body

    @property
    def access_log(self) -> AccessLog | None:
        """Where the access log line goes."""
        return self.settings.access_log

    @property
    def cleanup_timeout(self) -> float:
        """Seconds that LOG and CLEANUP may take under ASGI once the client is gone."""
        return self.settings.cleanup_timeout

    @property
    def trace_method(self) -> bool:
        """Whether the method TRACE is answered."""
        return self.settings.trace_method

    # --- configuration

    def configure(self, mapping: Mapping[str, Any]) -> None:
        """Take settings, options, handlers and sections from a mapping, such as ``configure_file`` reads.

        It adds to what is there; an option that was given before is given anew. All of it is applied, or nothing.

        Args:
            mapping: keys are those of the reference page "Configuration".

        Raises:
            ConfigError: a key or value is wrong; ``key`` says which, ``nearest`` what it may have been meant to be.
            AlreadyCompiledError: the chain has been compiled.
        """
        self._configure(mapping, None)

    def configure_file(self, path: str | os.PathLike[str]) -> None:
        """Take settings, options, handlers and sections from a TOML file, like ``configure``.

        Args:
            path: the file. Paths inside that are not absolute count from its folder.

        Raises:
            ConfigError: likewise, or the file can't be read; ``file`` is its path.
            AlreadyCompiledError: the chain has been compiled.
        """
        from .config import read_file

        self._configure(read_file(path), os.fspath(path))

    def _configure(self, mapping: Mapping[str, Any], file: str | None) -> None:
        from .config import configure

        self.settings = configure(self, self.settings, mapping, file=file)
        self.name = self.state.chain = self.label

    # --- compiling

    def compile(self) -> None:
        """Check everything that was declared, and get ready for requests; the first request does it otherwise.

        Raises:
            CompileError: something is wrong; ``problems`` lists all of it.
        """
        if self._plan is None:
            self._plan = self._compiled()

    def _compiled(self) -> Plan:
        from .checks import problems_of

        tree = Tree(self, closed=self.closed)
        problems = problems_of(tree, self)
        if problems:
            raise CompileError(problems)
        for registry in self.walk():
            registry.state.compiled = True
        self.files = file_handlers(self.settings)
        return Plan(tree)

    @property
    def plan(self) -> Plan:
        """The compiled chain; compiles it where that has not been done."""
        if self._plan is None:
            self._plan = self._compiled()
        return self._plan

    def problems(self) -> list[Problem]:
        """Return everything that is wrong with the chain as it is declared now; empty where nothing is."""
        from .checks import problems_of

        return problems_of(Tree(self, closed=self.closed), self)

    def advice(self) -> list[Problem]:
        """Return what is probably not meant as it was declared, such as handlers that can never be reached."""
        from .checks import warnings_of

        return warnings_of(Tree(self, closed=self.closed), self)

    # --- a request

    def begin(self, req: Request) -> None:
        """Make a request this chain's; adapters call it before the cycle starts."""
        req.chain = self
        plan = self._plan or self.plan
        req.selection = plan.known.get(req.canonical_path) or plan.select(req)
        if self.keeps_trace or self.settings.debug or (heard and somebody_observes()):
            req.trace, req.is_plain = [], False

    def select(self, req: Request) -> Selection:
        """Find what applies to a request's path, method and host."""
        return self.plan.select(req)

    def handle(self, req: Request) -> Response:
        """Process a request without a server.

        Args:
            req: such as ``hookchain.testing.make_request`` makes.

        Returns:
            The response. Reading its body to the end or closing it runs LOG and CLEANUP.

        Raises:
            AsyncHandlerError: a handler that applies is async; use ``await chain.ahandle(req)``.
            CompileError: the chain is wrong.
        """
        self.begin(req)
        caller = InContext(contextvars.copy_context(), uses_loop=False)
        delivery = deliver(req, caller)
        response = delivery.response
        if isinstance(response.response, AsyncIterable):
            caller.async_met = caller.async_met or async_body_met(req)
        if caller.async_met is not None:
            delivery.close()  # which raises it, once everything is finished
        return as_response(response, delivery)

    async def ahandle(self, req: Request) -> AsyncResponse:
        """Process a request without a server, like ``handle``; sync handlers run in a worker thread.

        Returns:
            The response, which can be read and closed with ``await`` (``aget_data``, ``aclose``) and without.
        """
        from .adelivery import AsyncDelivery, AsyncResponse, arespond
        from .threads import Threads

        self.begin(req)
        context = contextvars.copy_context()
        context.run(current.set, req)
        threads = context.run(Threads)
        steps = cycle(req)
        response = await arespond(req, steps, threads, context)
        return AsyncResponse(response, AsyncDelivery(req, response, steps, threads, context))

    def wsgi(self, app: WSGIApplication | None = None) -> WSGIChain:
        """Make a WSGI application of the chain.

        Args:
            app: what stands behind the chain; None where it stands alone.

        Returns:
            The application.

        Raises:
            CompileError: the chain is wrong.
        """
        from .wsgi import WSGIChain

        self.compile()
        return WSGIChain(self, app)

    def asgi(self, app: ASGIApp | None = None) -> ASGIChain:
        """Make an ASGI application of the chain.

        Args:
            app: what stands behind the chain; None where it stands alone.

        Returns:
            The application, for HTTP, WebSockets and lifespan. ``app.add_middleware(hooks.asgi)`` puts the chain into
            an app of Starlette or FastAPI.

        Raises:
            CompileError: the chain is wrong.
        """
        from .asgi import ASGIChain

        self.compile()
        return ASGIChain(self, app)

    # --- subrequests

    def lookup(self, req: Request, uri: str) -> Request:
        """Run a subrequest up to FIXUP; see ``Request.lookup``."""
        from .subrequests import look_up

        return look_up(req, uri)

    async def alookup(self, req: Request, uri: str) -> Request:
        """Run a subrequest up to FIXUP; see ``Request.alookup``."""
        from .subrequests import alook_up

        return await alook_up(req, uri)

    def run(self, req: Request) -> Response:
        """Run CONTENT of a subrequest; see ``Request.run``."""
        from .subrequests import run

        return run(req)

    async def arun(self, req: Request) -> Response:
        """Run CONTENT of a subrequest; see ``Request.arun``."""
        from .subrequests import arun

        return await arun(req)

    def guards_agree(self, req: Request, path: str) -> bool:
        """Tell whether what guards another path guards this request too, so that it may be had by this road."""
        return guards_agree(self.plan, req, path)

    # --- seeing and testing

    def explain(self, path: str, method: str = "GET", host: str | None = None) -> Explanation:
        """Explain what applies to a request, phase by phase, as if each handler declined; nothing is called.

        Args:
            path: as a client sends it, percent-encoded, starting with "/"; or a URL.
            method: such as "POST".
            host: the value of the Host header; sections with ``hosts`` apply only where it is given.

        Returns:
            The Explanation. It prints as a table.

        Raises:
            CompileError: the chain is wrong.
            ValueError: ``path`` does not start with "/".
        """
        from .explain import explain

        return explain(self, self.plan, self.settings, path, method, host)

    @contextmanager
    def replaced(self, handler: Reference, fake: HandlerFunction) -> Generator[None, None, None]:
        """Put a fake in the place of a handler for a while; for tests, also after the chain has been compiled.

        Args:
            handler: the handler or its name.
            fake: what is called instead.

        Raises:
            DeclarationError: no handler is called so, or the fake can't be called with a request.
        """
        entries = [entry for entry in self.plan.tree.entries if entry.stands_for(handler)]
        if not entries:
            names = {entry.handler.name for entry in self.plan.tree.entries}
            hint = did_you_mean(handler, names) if isinstance(handler, str) else ""
            raise DeclarationError(f"replaced({reference_name(handler)}): the chain has no such handler{hint}")
        check_callable(fake, "replaced", 1 if isinstance(entries[0].kind, Phase) else 2)
        plan, self._plan = self.plan, Plan(self.plan.tree.with_handlers(dict.fromkeys(entries, fake)))
        try:
            yield
        finally:
            self._plan = plan
