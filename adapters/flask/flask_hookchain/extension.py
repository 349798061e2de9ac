"""FlaskHookChain: it puts a chain into a Flask app, where every request of the app passes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, got_request_exception, request
from flask.ctx import RequestContext
from werkzeug.middleware.proxy_fix import ProxyFix

from hookchain import HookChain, HookChainError, HookChainWarning, Request, Response
from hookchain.adapting import KEY, AppCall, WSGIChain

from .commands import group
from .surroundings import InFlask

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class FlaskHookChain:
    """A chain around everything that a Flask app answers.

    Attributes:
        hooks: the chain. Handlers can be registered until the first request.
    """

    def __init__(self, app: Flask | None = None, hooks: HookChain | None = None) -> None:
        """Take a chain, and put it into an app where one is given.

        Args:
            app: the app; without one, call ``init_app`` later.
            hooks: the chain; an empty one unless given.

        Raises:
            HookChainError: see ``init_app``.
        """
        if hooks is not None and not isinstance(hooks, HookChain):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise HookChainError(f"FlaskHookChain: hooks={hooks!r} is no HookChain; give the app, then the chain")
        self.hooks = HookChain() if hooks is None else hooks
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Put the chain into an app; one chain may be in several.

        Args:
            app: what is in its ``wsgi_app`` by now stands behind the chain. What is wrapped around that later stands
                before it, and is not guarded.

        Raises:
            HookChainError: the app has a chain already, is no Flask app, or may answer without its ``wsgi_app``.
        """
        _check(app)
        holder, name = _place(app)
        guarded = GuardedApp(app, getattr(holder, name))
        app.extensions["hookchain"] = self
        guarded.gate = WSGIChain(self.hooks, guarded, guarded.surround, guarded.respond)
        setattr(holder, name, guarded.gate)
        app.cli.add_command(group(self.hooks))


def _check(app: Flask) -> None:
    if not isinstance(app, Flask):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise HookChainError(f"FlaskHookChain: {app!r} is no Flask app; give the app, then the chain")
    if "hookchain" in app.extensions:
        raise HookChainError(f"FlaskHookChain: the app {app.name!r} has a chain already; initialise it once")
    if type(app).__call__ is not Flask.__call__:
        raise HookChainError(
            f"FlaskHookChain: {type(app).__qualname__}.__call__ may answer requests that never reach app.wsgi_app, "
            "where the chain stands; override wsgi_app instead"
        )
    holder, name = _place(app)
    if isinstance(getattr(holder, name), WSGIChain):
        raise HookChainError(
            f"FlaskHookChain: a chain's wsgi() is in app.wsgi_app of {app.name!r} already; leave out one of the two"
        )


def _place(app: Flask) -> tuple[Any, str]:
    """Tell whose attribute the chain takes: the app's, but behind what only tells handlers who the client is."""
    holder: Any = app
    name = "wsgi_app"
    while isinstance(getattr(holder, name), ProxyFix):
        holder, name = getattr(holder, name), "app"
    return holder, name


class GuardedApp:
    """What stands behind the chain: all that was in ``app.wsgi_app``, with Flask at its end."""

    gate: WSGIChain | None = None

    def __init__(self, app: Flask, wsgi_app: Any) -> None:
        """Take the app's place for contexts."""
        self.app = app
        self.name = app.name
        self.wsgi_app = wsgi_app
        self.is_flask_alone = wsgi_app == app.wsgi_app and getattr(wsgi_app, "__func__", None) is Flask.wsgi_app
        self._call = AppCall(self)
        self.new_context = app.request_context
        self._is_wrapped: bool | None = None
        vars(app)["request_context"] = self._context_for
        got_request_exception.connect(_note_exception, app)

    def surround(self, req: Request) -> InFlask:
        """Make what surrounds a request."""
        if self._is_wrapped is None:
            holder, name = _place(self.app)
            self._is_wrapped = getattr(holder, name) is not self.gate
            if self._is_wrapped:
                message = (
                    f"app.wsgi_app of {self.app.name!r} was wrapped after FlaskHookChain.init_app: what the wrapper "
                    "answers itself is not guarded; wrap first, then initialise"
                )
                warnings.warn(message, HookChainWarning, stacklevel=2)
        # To HEAD, Werkzeug's Response gives no body, and filters see the same wherever it is called.
        return InFlask(self.app, self.new_context, self.is_flask_alone and req.method != "HEAD")

    def respond(self, req: Request) -> Response:
        """Answer what the chain has let through: by Flask alone, or by all that was in ``app.wsgi_app``."""
        surroundings = req.framework
        if isinstance(surroundings, InFlask) and surroundings.is_flask_alone and req.main is None:
            return surroundings.dispatch(req)
        return self._call(req)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer what the chain has let through."""
        surroundings: InFlask = environ[KEY].framework
        answer: Iterable[bytes] = self.wsgi_app(surroundings.environ_for(environ), start_response)
        surroundings.note_answered(environ[KEY])
        return answer

    def _context_for(self, environ: WSGIEnvironment) -> RequestContext:
        # Flask asks the app for the context of each request; the chain has opened it already.
        surroundings = _surroundings_of(environ, self.app)
        return self.new_context(environ) if surroundings is None else surroundings.context_for(environ)


def _surroundings_of(environ: WSGIEnvironment, app: Flask) -> InFlask | None:
    surroundings = environ[KEY].framework if KEY in environ else None
    return surroundings if isinstance(surroundings, InFlask) and surroundings.app is app else None


def _note_exception(sender: Flask, exception: Exception, **_: object) -> None:
    surroundings = _surroundings_of(request.environ, sender)
    if surroundings is not None:
        surroundings.note_exception(request.environ[KEY], exception)
