"""Serve a chain: on granian where it is installed, else on Werkzeug's server; with reloader and debugger to develop."""

from __future__ import annotations

import dataclasses
import errno
import functools
import importlib.util
import logging
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from werkzeug.serving import WSGIRequestHandler, is_running_from_reloader, make_server, run_simple

from .access_log import AccessLog
from .chain import HookChain
from .exceptions import HookChainError, MissingExtraError
from .targets import find_target
from .terminal import log_to_terminal, say

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Python threads of one granian worker; more would only wait for each other.
_THREADS = 16

_MAX_PRIVILEGED = 1023


class ServeError(HookChainError):
    """A chain can't be served; the message fits on one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """What is served, as text, so that each process of a server can load it for itself.

    Attributes:
        target: the chain's name, or None for a folder.
        folder: the folder, where there is no target.
        listing: whether a folder without an index file is listed.
        access_log: a format that replaces the chain's own; "off" for none; None to leave it.
        debug: whether exceptions reach the debugger.
    """

    target: str | None = None
    folder: str | None = None
    listing: bool = False
    access_log: str | None = None
    debug: bool = False

    def __str__(self) -> str:
        """Name what is served."""
        return str(self.target or self.folder)

    def load(self) -> WSGIApplication:
        """Return the application.

        Raises:
            HookChainError: the chain can't be found or is wrong.
        """
        if self.target is None:
            chain = HookChain("serve", document_root=self.folder, listing=self.listing)
            self._adjust(chain)
            return chain.wsgi()
        found = find_target(self.target)
        self._adjust(found.chain)
        return found.wsgi()

    def _adjust(self, chain: HookChain) -> None:
        if self.debug:
            chain.settings = dataclasses.replace(chain.settings, debug=True)
        if self.access_log is not None:
            log = AccessLog.from_option(False if self.access_log == "off" else self.access_log)
            chain.settings = dataclasses.replace(chain.settings, access_log=log)


@dataclasses.dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Attributes:
        host: as it was given.
        address: the IP address.
        port: the port, chosen by the system where 0 was given.
    """

    host: str
    address: str
    port: int

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - not bound here
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


def listening_address(host: str, port: int) -> Address:
    """Find out whether a server can listen here; one that was started by the reloader does so already.

    Args:
        host: a name or IP address.
        port: a port; 0 for any that is free.

    Returns:
        The address.

    Raises:
        ServeError: it can't.
    """
    if is_running_from_reloader():
        return Address(host, host, port)
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise ServeError(f"there is no host {host!r}: {getattr(error, 'strerror', error)}") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
            probe.listen()
        except OSError as error:
            raise ServeError(_why_not(host, port, error)) from error
        address, bound = probe.getsockname()[:2]
    return Address(host, address, bound)


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; end what listens there, or choose another with --port"
    if error.errno == errno.EACCES:
        hint = "; choose one above 1023 with --port" if port <= _MAX_PRIVILEGED else ""
        return f"no permission to listen on port {port} of {host}{hint}"
    return f"can't listen on port {port} of {host}: {error.strerror}"


def has_granian() -> bool:
    """Whether granian is installed."""
    return importlib.util.find_spec("granian") is not None


def serve_granian(site: Site, where: Address, workers: int) -> None:
    """Serve on granian until a signal ends it.

    Raises:
        MissingExtraError: granian is not installed.
    """
    try:
        from granian import Granian  # noqa: PLC0415 - an extra
        from granian.constants import Interfaces  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("serve", "granian") from error
    server = Granian(
        str(site),
        where.address,
        where.port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=_THREADS,
        log_enabled=False,
    )
    server.on_startup(functools.partial(_announce, site, where, f"granian, {workers} worker{'s'[: workers > 1]}"))
    server.serve(target_loader=functools.partial(_load_in_worker, site), wrap_loader=False)


def _load_in_worker(site: Site) -> WSGIApplication:
    log_to_terminal()
    return site.load()


def serve_werkzeug(site: Site, where: Address) -> None:
    """Serve on Werkzeug's server until a signal ends it."""
    _stop_on_signals()
    server = make_server(where.address, where.port, site.load(), threaded=True, request_handler=QuietHandler)
    vars(server)["daemon_threads"] = False  # closing waits for requests that are being answered, and their log lines
    _announce(site, where, "Werkzeug's server")
    server.serve_forever()


def serve_dev(site: Site, where: Address, watched: Iterable[str] = ()) -> None:
    """Serve with Werkzeug's reloader and debugger until a signal ends it.

    Args:
        site: what is served, with ``debug``.
        where: where.
        watched: files besides Python's modules whose change starts the server anew.
    """
    _stop_on_signals()
    if is_running_from_reloader():
        app = _load_or_show(site)
    else:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would announce a server of its own
        app = site.load()
        _announce(site, where, "reloads when code changes")
    run_simple(
        where.address,
        where.port,
        app,
        use_reloader=True,
        use_debugger=True,
        threaded=True,
        extra_files=watched,
        request_handler=QuietHandler,
    )


def _load_or_show(site: Site) -> WSGIApplication:
    """The application, or while its code is wrong, one that raises what is wrong in the debugger."""
    try:
        return site.load()
    except HookChainError as error:
        say(f"Error: {error}")
        return _raising(error)


def _raising(error: HookChainError) -> WSGIApplication:
    def broken(environ: WSGIEnvironment, start_response: StartResponse) -> NoReturn:
        del environ, start_response
        raise error

    return broken


class QuietHandler(WSGIRequestHandler):
    """Werkzeug's request handler without an access log, as the chain writes its own."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


def _stop_on_signals() -> None:
    # SIGINT too: a shell that starts a command in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(signum: int, frame: Any) -> NoReturn:
    del signum, frame
    raise KeyboardInterrupt


def _announce(site: Site, where: Address, how: str) -> None:
    say(f"Serving {site} at {where.url} ({how}; Ctrl-C ends it)")


def folder_to_serve(folder: str) -> str:
    """Return the absolute path of a folder that can be served.

    Raises:
        ServeError: it can't, and why.
    """
    path = Path(folder).absolute()
    if not path.exists():
        raise ServeError(f"there is no directory {folder!r}")
    if not path.is_dir():
        raise ServeError(f"{folder!r} is no directory")
    if not os.access(path, os.R_OK | os.X_OK):
        raise ServeError(f"no permission to read the directory {folder!r}")
    return str(path)
