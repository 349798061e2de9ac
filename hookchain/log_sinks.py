"""Where the lines of an access log go: a logger, a stream or a file."""

from __future__ import annotations

import io
import logging
import os
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol, TextIO, cast

from .exceptions import DeclarationError


class SupportsWrite(Protocol):
    """A text stream, as far as the access log needs one."""

    def write(self, text: str, /) -> object:
        """Write text."""


Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]
Destination = Logger | SupportsWrite | str | os.PathLike[str]
"""Where lines go: a logger, a stream or a path."""


class Sink(Protocol):
    """Takes lines; what goes wrong reaches the caller.

    Attributes:
        line_end: what a line is to end with.
        may_wait: whether a line may have to wait for more than the system to take it, as in a handler of a logger.
    """

    line_end: str
    may_wait: bool

    @property
    def is_open(self) -> Callable[[], bool] | None:
        """What tells whether a line would be written at all; None where it always is."""

    def put(self, line: str, /) -> None:
        """Write a line that ends with ``line_end``."""

    def close(self) -> None:
        """Close what it has opened itself; a later line opens it again."""


def sink_for(to: Destination) -> Sink:
    """Return what writes to a destination.

    Args:
        to: a logger, a text stream or the path of a file.

    Returns:
        The sink. ``str()`` names the destination.

    Raises:
        DeclarationError: it is none of these, or a file that cannot be opened.
    """
    if isinstance(to, logging.Logger | logging.LoggerAdapter):
        return _LoggerSink(to)
    if isinstance(to, str | os.PathLike):
        return _FileSink(to)
    return _StreamSink(to)


class _LoggerSink:
    line_end = ""
    may_wait = True

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self.put = logger.info
        self.is_open: Callable[[], bool] | None = partial(logger.isEnabledFor, logging.INFO)

    def close(self) -> None:
        """Leave the logger to its owner."""

    def __str__(self) -> str:
        return f"logger {self._logger.name}"


class _StreamSink:
    line_end = "\n"
    is_open = None

    def __init__(self, to: object) -> None:
        if isinstance(to, io.RawIOBase | io.BufferedIOBase):
            raise DeclarationError(
                f"to={to!r} of an access log takes bytes; give a text stream, such as one opened with 'a'"
            )
        if not callable(getattr(to, "write", None)):
            raise DeclarationError(
                f"to={to!r} of an access log is no logger, no stream with a write method and no path"
            )
        self._stream = cast("TextIO", to)
        self._handler = logging.StreamHandler(self._stream)
        self._lock = _lock_of(self._handler)
        self._may_flush_itself = type(to) is io.TextIOWrapper
        self.may_wait = type(to) is not io.TextIOWrapper

    def put(self, line: str) -> None:
        with self._lock:
            self._stream.write(line)
            if not (self._may_flush_itself and self._stream.line_buffering):
                self._handler.flush()

    def close(self) -> None:
        self._handler.close()

    def __str__(self) -> str:
        return f"stream {getattr(self._stream, 'name', None) or repr(self._stream)}"


class _FileSink:
    line_end: str = os.linesep
    is_open = None
    may_wait = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self._handler = handler = _File(path)
        except (OSError, ValueError) as error:
            raise DeclarationError(f"the access log {os.fspath(path)!r} cannot be opened: {error}") from error
        self.put = handler.put
        weakref.finalize(self, handler.close)  # a chain has no end at which it could close its log

    def close(self) -> None:
        self._handler.close()

    def __str__(self) -> str:
        return f"file {self._handler.path}"


class _File(logging.Handler):
    """A file that is opened anew when it was moved away.

    It is written to without a buffer, so that nothing is kept back that a fork would double or a crash would lose.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = os.path.abspath(path)  # noqa: PTH100 - whatever the working folder becomes
        self._lock = _lock_of(self)
        self.stream = self._open()

    def put(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace")
        with self._lock:
            if not self._is_there():
                moved, self.stream = self.stream, self._open()
                moved.close()
            while data:  # a full disk or a signal may cut a line short
                data = data[self.stream.write(data) :]

    def close(self) -> None:
        with self._lock:
            self.stream.close()
        super().close()

    def _is_there(self) -> bool:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - what a Path adds is paid for each line
        except FileNotFoundError:
            return False
        return not self.stream.closed and (found.st_dev, found.st_ino) == self._identity

    def _open(self) -> io.FileIO:
        stream = open(self.path, "ab", buffering=0)  # noqa: PTH123, SIM115 - as long as the log
        found = os.fstat(stream.fileno())
        self._identity = (found.st_dev, found.st_ino)
        return stream


def _lock_of(handler: logging.Handler) -> AbstractContextManager[object]:
    """Return a handler's lock: logging sees to it that no fork() leaves it locked for ever."""
    return cast("AbstractContextManager[object]", handler.lock)
