"""What stands behind the handlers of each phase, as rows of an explanation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .defaults import FileHandlers
from .explanation import Guarding, Row
from .guards import NO_USER, NOT_AUTHORIZED, NOT_GUARDED
from .phases import Phase
from .plan import Selection
from .process import NOTHING_THERE
from .refusals import BAD_PATH, TRACE
from .request import Request
from .settings import Settings

_ACCESS_LOG = "hookchain.access_log"


class Defaults:
    """The defaults that a request can meet."""

    def __init__(
        self,
        req: Request,
        selection: Selection,
        settings: Settings,
        files: FileHandlers | None,
        guards: Iterable[Guarding],
    ) -> None:
        """Keep what they depend on."""
        self._req = req
        self._selection = selection
        self._settings = settings
        self._files = files
        self._guards = tuple(guards)

    def rows(self, phase: Phase, *, has_handlers: bool) -> list[Row]:
        """Return what runs in a phase when all of its handlers have declined.

        Args:
            phase: the phase.
            has_handlers: whether any handler of it applies.

        Returns:
            A row for each default; none where nothing is done.
        """
        if self._req.path_error is not None and phase not in {Phase.POST_READ_REQUEST, Phase.LOG}:
            return []
        texts: Mapping[Phase, Callable[[], Iterable[tuple[str, str]]]] = {
            Phase.POST_READ_REQUEST: self._post_read_request,
            Phase.TRANS: self._trans,
            Phase.MAP_TO_STORAGE: self._map_to_storage,
            Phase.AUTHEN: self._authen,
            Phase.AUTHZ: lambda: self._authz(has_handlers=has_handlers),
            Phase.TYPE: self._type,
            Phase.CONTENT: self._content,
            Phase.LOG: self._log,
        }
        found = texts[phase]() if phase in texts else ()
        return [Row(phase.name, name, "default", default=True, notes=(note,)) for name, note in found]

    def _post_read_request(self) -> Iterable[tuple[str, str]]:
        if self._req.path_error is not None:
            yield BAD_PATH, f"400: {self._req.path_error}"

    def _trans(self) -> Iterable[tuple[str, str]]:
        if self._files is not None:
            yield self._files.translate.name, f"the file's name: below {self._settings.document_root}"

    def _map_to_storage(self) -> Iterable[tuple[str, str]]:
        if self._req.method == "TRACE":
            yield TRACE, "sends the request back" if self._settings.trace_method else "405: TRACE is not enabled"
        if self._files is not None:
            yield self._files.map_to_storage.name, "finds the file, and splits off path_info"

    def _authen(self) -> Iterable[tuple[str, str]]:
        modes = {guard.authentication for guard in self._guards if guard.state == "guarded"}
        if "required" in modes:
            yield NO_USER, "401, unless req.user is set"
        elif modes:
            yield NO_USER, "goes on without a user"

    def _authz(self, *, has_handlers: bool) -> Iterable[tuple[str, str]]:
        if has_handlers:
            yield NOT_AUTHORIZED, "403"
        if any(guard.state == "closed" for guard in self._guards):
            yield NOT_GUARDED, "403: the chain is closed and nothing guards this path"

    def _type(self) -> Iterable[tuple[str, str]]:
        if self._files is not None:
            yield self._files.find_type.name, "media type and encoding from the file's name"

    def _content(self) -> Iterable[tuple[str, str]]:
        allowed = ", ".join(sorted(self._selection.other_methods))
        otherwise = f"405 (Allow: {allowed})" if allowed else "404"
        if self._files is not None:
            yield self._files.content.name, f"the file, else the app behind the chain, else {otherwise}"
        else:
            yield NOTHING_THERE, f"the app behind the chain, else {otherwise}"

    def _log(self) -> Iterable[tuple[str, str]]:
        log = self._settings.access_log
        if log is not None:
            yield _ACCESS_LOG, f"{log!r}".strip("<>")
