"""Framework: what an adapter does for a framework while a request goes through the phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from .request import Request


class Framework(Protocol):
    """What surrounds one request in a framework: its route, its contexts, its error handlers.

    An adapter makes one for each request and puts it into ``Request.framework``, which all records of the request
    share. The methods are called where sync handlers are: in the request's context, off an event loop unless
    ``blocking`` says otherwise. What they raise counts as a failure of a handler.
    """

    @property
    def raises(self) -> bool:
        """Whether an exception that nobody handles goes to the server, as for a debugger or a test client."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether ``enter``, ``finalise`` and ``exit`` have to be kept off an event loop."""
        ...

    @property
    def looks_ahead(self) -> bool:
        """Whether ``enter`` is called; else the request finds the route itself when asked, once it ``is_mapped``."""
        ...

    def enter(self, req: Request) -> None:
        """Find the route, set ``endpoint``, ``path_params`` and ``native``, and make the framework's contexts.

        Called between MAP_TO_STORAGE and HEADER_PARSER, for each record: ``prev`` is set where an internal redirect
        leads to another route, ``main`` where somebody asks what a path would pass.
        """
        ...

    def error_page(self, req: Request, error: Exception, page: Response) -> Response | None:
        """Let the framework's error handlers answer where the chain has no error document.

        Args:
            req: the record that failed; ``enter`` has not been called where it failed before.
            error: what was raised, or the ``HTTPException`` of a status from 400 on.
            page: the plain page.

        Returns:
            What is sent in place of the plain page, with the status that it has; None where nobody handles the error.
            What is raised goes to the server where ``raises`` says so; else it is logged, and the plain page is sent.
        """
        ...

    def sends(self, req: Request, answer: object) -> bool:
        """Tell whether the framework sends an answer of the app's as it is, without ``finalise`` and ``exit``.

        Args:
            req: a request about whose answer nobody but the framework is to be asked.
            answer: what the app answered; not a ``Response``, as one of those is made ready to be sent.

        Returns:
            Whether it does, and the answer has all that the library gives a response; ``status`` is set then.
        """
        ...

    def has_finalised(self, req: Request) -> bool:
        """Tell whether ``finalise`` would change nothing, as the framework itself has answered."""
        ...

    def finalise(self, req: Request, response: Response) -> Response:
        """Do what the framework does to every response, such as saving a session; the output filters come after.

        Args:
            req: the record that the response answers.
            response: a copy that may be changed, also where the app or ``error_page`` made it.
        """
        ...

    def exit(self, error: BaseException | None) -> None:
        """Close the framework's contexts: after the output filters, before the first byte is sent.

        Args:
            error: what is raised to the server in place of a response, or None.
        """
        ...
