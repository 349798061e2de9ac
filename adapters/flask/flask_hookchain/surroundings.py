"""InFlask: one request in Flask, with its route, its contexts and its error handlers."""

from __future__ import annotations

import io
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from flask import Flask
from flask.ctx import RequestContext
from flask.globals import app_ctx, request_ctx

from hookchain import HookChainError, Request, Response
from hookchain.adapting import KEEPS_CONTEXTS, KEY, app_environ, early_environ

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from _typeshed.wsgi import WSGIEnvironment
    from flask import Response as FlaskResponse


class InFlask:
    """What surrounds one request: contexts that are open from HEADER_PARSER to the output filters.

    All records of a request share one context, and so one session, one ``g`` and one teardown. A subrequest has a
    context of its own, and only where its content is asked for.
    """

    blocking = looks_ahead = True

    _endpoint: str | None = None
    _is_called = False
    _expects_flask = False
    _may_stream = True
    _exception: BaseException | None = None

    def __init__(
        self,
        app: Flask,
        new_context: Callable[[WSGIEnvironment], RequestContext],
        is_flask_alone: bool,  # noqa: FBT001 - made for each request, and a name would cost as much as a handler
    ) -> None:
        """Open nothing yet.

        Args:
            app: the app.
            new_context: ``app.request_context`` as it was before the chain came.
            is_flask_alone: whether nothing stands between the chain and Flask.
        """
        self.app = app
        self._new_context = new_context
        self.is_flask_alone = is_flask_alone
        self._context: RequestContext | None = None
        self._environ: WSGIEnvironment = {}
        self._answered: Request | None = None

    # --- what Framework asks for

    @property
    def raises(self) -> bool:
        """Whether Flask lets exceptions pass: PROPAGATE_EXCEPTIONS, else TESTING or the debugger."""
        propagates: bool | None = operator.itemgetter("PROPAGATE_EXCEPTIONS")(self.app.config)
        return self.app.testing or self.app.debug if propagates is None else propagates

    def enter(self, req: Request) -> None:
        """Find the route, with the contexts open."""
        environ = early_environ(req)
        if req.has_body:
            environ["wsgi.input"], environ["wsgi.input_terminated"] = io.BufferedReader(_LateBody(req)), True
        new_context = self._new_context
        context = new_context(environ)
        if req.main is not None:
            _match(context)
        elif self._context is None:
            self._context, self._environ = context, environ
            context.push()
            if not self.is_flask_alone:
                # Flask will push it once more, and would look for the route again.
                vars(context)["match_request"] = lambda: _check_endpoint(context, self._endpoint)
        else:
            self._environ = environ
            _turn(self._context, context, req)
        req.native = native = context.request
        rule = native.url_rule
        req.endpoint = None if rule is None else rule.endpoint
        if native.view_args:
            req.path_params = {**req.path_params, **native.view_args}
        if req.main is None:
            self._endpoint = req.endpoint

    def error_page(self, req: Request, error: Exception, page: Response) -> Response:
        """Answer as Flask does what a view raises."""
        if error is self._exception:
            raise error  # Flask has seen it, and let it pass
        if self._context is None:
            self.enter(req)
        try:
            answer = self._handled(error)
            response: Response = self.app.finalize_request(page if answer is error else answer)
        except Exception as raised:  # noqa: BLE001 - handle_exception lets pass what has to
            response = self.app.handle_exception(raised)
        self._answered = req
        self._may_stream = not response.is_sequence
        return response

    def _handled(self, error: Exception) -> Any:
        try:
            raise error
        except type(error):  # Flask looks at what is being handled, and raises it again where it has no handler
            return self.app.handle_user_exception(error)

    def sends(self, req: Request, answer: object) -> bool:
        """Say no: what Flask answers is a Response."""
        del req, answer
        return False

    def has_finalised(self, req: Request) -> bool:
        """Tell whether Flask itself has answered."""
        return self._answered is req and not self._expects_flask

    def finalise(self, req: Request, response: Response) -> Response:
        """Call ``after_request`` functions and save the session, where Flask has not."""
        if self._context is None or self.has_finalised(req):
            return response
        try:
            if self._answered is req:  # a sub-app's, which is none of after_request's business
                self._save_session(self._context, response)
                return response
            made = self.app.make_response(response) if type(response) is Response else cast("FlaskResponse", response)
            return self.app.process_response(made)
        except Exception as raised:  # noqa: BLE001 - handle_exception lets pass what has to
            return self.app.handle_exception(raised)

    def _save_session(self, context: RequestContext, response: Any) -> None:
        # From Flask 3.1 on, to ask the context for it counts as having read it, which is said in Vary.
        kept = vars(context)
        session = kept["_session"] if "_session" in kept else context.session  # noqa: SIM401 - not to be asked for
        if not self.app.session_interface.is_null_session(session):
            self.app.session_interface.save_session(self.app, session, response)

    def exit(self, error: BaseException | None) -> None:
        """Close the contexts, with Flask's teardown; a test client that keeps them open will open them again."""
        context, self._context = self._context, None
        if context is None:
            return
        keep = self._environ.get(KEEPS_CONTEXTS)
        if keep is not None and not self._is_called:  # else Flask has done it
            for proxy in (app_ctx, request_ctx):
                keep(operator.methodcaller("_get_current_object")(proxy))
        context.pop(error or self._exception)
        # A record that knew of itself would have to wait for the garbage collector.
        self._answered = None
        if not self._may_stream:  # no code of the app's runs any more
            self._environ.pop(KEY, None)

    # --- what stands behind the chain asks for

    def dispatch(self, req: Request) -> Response:
        """Let Flask answer in the contexts that are open, as its ``wsgi_app`` does in those that it opens."""
        if req.has_body or req.authen_ran or req.is_query_known or req.has_made("env"):
            # What handlers may have written since the contexts were opened.
            self._take(app_environ(req))
        try:
            response: Response = self.app.full_dispatch_request()
        except Exception as error:  # noqa: BLE001 - handle_exception lets pass what has to
            response = self.app.handle_exception(error)
        self._answered = req
        self._may_stream = not response.is_sequence
        return response

    def environ_for(self, environ: WSGIEnvironment) -> WSGIEnvironment:
        """Return the environ for what stands behind the chain: the one that ``flask.request`` has had all along."""
        req: Request = environ[KEY]
        if req.main is not None:
            return environ
        self._take(environ)
        self._is_called = self._expects_flask = True
        return self._environ

    def _take(self, environ: WSGIEnvironment) -> None:
        for key in {"AUTH_TYPE", "CONTENT_LENGTH", "REMOTE_USER"} - environ.keys():
            self._environ.pop(key, None)
        self._environ.update(environ)

    def context_for(self, environ: WSGIEnvironment) -> RequestContext:
        """Return the context that is open already, in which Flask answers; a new one where it is asked once more."""
        req: Request = environ[KEY]
        context = self._context
        if context is None or req.main is not None or not self._expects_flask:
            return _as_guarded(self._new_context(environ), req.endpoint)
        self._expects_flask = False
        if environ is not self._environ:  # what stands in between has made another
            _turn(context, self._new_context(environ), req)
        return context

    def note_answered(self, req: Request) -> None:
        """Take note that an answer is there."""
        self._answered = req

    def note_exception(self, req: Request, error: Exception) -> None:
        """Take note of an exception for which Flask had no handler."""
        req.exception = error
        if req.main is None:
            self._exception = error


class _LateBody(io.RawIOBase):
    """The body as handlers read it by way of ``flask.request``; nothing is touched until they do."""

    def __init__(self, req: Request) -> None:
        self._req = req
        self._stream: io.BufferedReader | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._stream is None:
            self._stream = self._req.body.replay(keep=True)
        return self._stream.readinto(buffer)


def _match(context: RequestContext) -> None:
    if context.url_adapter is not None:
        context.match_request()


def _turn(context: RequestContext, new: RequestContext, req: Request) -> None:
    """Let a context that is open go on with another one's request."""
    _match(new)
    req.register_cleanup(context.request.close)
    context.request, context.url_adapter = new.request, new.url_adapter


def _as_guarded(context: RequestContext, endpoint: str | None) -> RequestContext:
    match = context.match_request

    def match_request() -> None:
        match()
        _check_endpoint(context, endpoint)

    vars(context)["match_request"] = match_request
    return context


def _check_endpoint(context: RequestContext, endpoint: str | None) -> None:
    if context.request.endpoint != endpoint:
        raise HookChainError(
            f"Flask routes to {context.request.endpoint!r} what the chain has guarded as {endpoint!r}: something in "
            "app.wsgi_app changes the path on its way; wrap that around after FlaskHookChain.init_app"
        )
