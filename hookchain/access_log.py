"""The access log: one line a request, to a logger, a stream or a file."""

from __future__ import annotations

import io
import logging
import logging.handlers
import os
import weakref
from typing import TYPE_CHECKING, Protocol, Self, TextIO, cast

from .exceptions import DeclarationError, did_you_mean
from .log_format import compile_format
from .log_json import compile_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .request import Request

COMMON = '%h %l %u %t "%r" %>s %b'
COMBINED = f'{COMMON} "%{{Referer}}i" "%{{User-agent}}i"'
_FORMATS = {"common": COMMON, "combined": COMBINED}
_NAMES = (*_FORMATS, "json")

_logger = logging.getLogger("hookchain")


class SupportsWrite(Protocol):
    """A text stream, as far as the access log needs one."""

    def write(self, text: str, /) -> object:
        """Write text."""


Logger = logging.Logger | logging.LoggerAdapter[logging.Logger]
Destination = Logger | SupportsWrite | str | os.PathLike[str]
"""Where lines go: a logger, a stream or a path."""


class AccessLog:
    """Write one line for every request.

    Args:
        format: "common", "combined", "json", or a format in the language of Apache's LogFormat.
        to: a logger, which gets each line as a message at level INFO; a text stream (anything with ``write``); or the
            path of a file, which is appended to and opened anew when it was moved away. None is the logger
            ``hookchain.access``.
        fields: for "json": formats by key, such as {"request_id": "%{X-Request-Id}i"}; they replace or follow the
            fields that are always there.
        when: a function of the request; a line is written where it returns something true. None writes all.

    Raises:
        DeclarationError: an unknown name, a wrong format, fields without "json", or a file that cannot be opened.

    Source: httpd `LogFormat` and `CustomLog` (modules/loggers/mod_log_config.c).

    Example:
        >>> import sys
        >>> errors = AccessLog('%t "%r" %>s', to=sys.stderr, when=lambda req: req.status >= 500)
    """

    is_async = False
    blocking = True

    def __init__(
        self,
        format: str = "combined",  # noqa: A002
        *,
        to: Destination | None = None,
        fields: Mapping[str, str] | None = None,
        when: Callable[[Request], object] | None = None,
    ) -> None:
        if when is not None and not callable(when):
            raise DeclarationError(f"when={when!r} of an access log is not a function of the request")
        self.format = format
        self._line = _compile(format, fields)
        self._when = when
        self._sink = _sink(logging.getLogger("hookchain.access") if to is None else to)

    @classmethod
    def from_option(cls, value: object) -> Self | None:
        """Return the access log that a chain's option ``access_log`` stands for.

        Args:
            value: False for none, True for "combined", a name or format, or an access log.

        Returns:
            The access log, or None.

        Raises:
            DeclarationError: the value is none of these, or a wrong format.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, bool):
            return cls() if value else None
        raise DeclarationError(
            f"access_log={value!r} is not possible; give True, False, one of {', '.join(_NAMES)}, a format, "
            "or an AccessLog"
        )

    @property
    def call(self) -> Callable[[Request], None]:
        """What a driver calls."""
        return self.write

    def write(self, req: Request) -> None:
        """Write the line of a request; what goes wrong is logged under ``hookchain`` and never raised.

        Args:
            req: any record of the request. It is read when its response has been sent.
        """
        try:
            if self._sink.is_open() and self._wanted(req):
                self._sink.write(self._line(req))
        except Exception:
            _logger.exception("a line for the access log (%s) is lost", self._sink)

    def close(self) -> None:
        """Close the file, where one is written to. A later line opens it again."""
        self._sink.close()

    def _wanted(self, req: Request) -> bool:
        if self._when is None:
            return True
        try:
            return bool(self._when(req))
        except Exception:
            _logger.exception("when=%r of the access log (%s) failed; the line is written", self._when, self._sink)
            return True

    def __repr__(self) -> str:
        return f"<AccessLog {self.format!r} to {self._sink}>"


def _compile(text: str, fields: Mapping[str, str] | None) -> Callable[[Request], str]:
    if text == "json":
        return compile_json(fields or {})
    if fields is not None:
        raise DeclarationError(f"fields go with the format 'json' alone, not with {text!r}")
    if text not in _FORMATS and "%" not in text:
        raise DeclarationError(
            f"{text!r} is no access log format{did_you_mean(text, _NAMES)}; give one of {', '.join(_NAMES)}, "
            "or a format with directives such as %h"
        )
    return compile_format(_FORMATS.get(text, text))


class _Sink(Protocol):
    def is_open(self) -> bool: ...
    def write(self, line: str) -> None: ...
    def close(self) -> None: ...


class _LoggerSink:
    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    def is_open(self) -> bool:
        return self._logger.isEnabledFor(logging.INFO)

    def write(self, line: str) -> None:
        self._logger.info(line)

    def close(self) -> None:
        """Leave the logger to its owner."""

    def __str__(self) -> str:
        return f"logger {self._logger.name}"


class _HandlerSink:
    def __init__(self, handler: _Stream | _File, name: str) -> None:
        self._handler = handler
        self._name = name

    def is_open(self) -> bool:
        return True

    def write(self, line: str) -> None:
        self._handler.write_line(line)

    def close(self) -> None:
        self._handler.close()

    def __str__(self) -> str:
        return self._name


class _Stream(logging.StreamHandler[TextIO]):
    """A handler for what it brings for concurrent writing: a lock, and a new one after fork().

    It is not given a record, which costs more than the line. What goes wrong reaches the caller.
    """

    def write_line(self, line: str) -> None:
        self.acquire()
        try:
            self.stream.write(line + self.terminator)
            self.flush()
        finally:
            self.release()


class _File(logging.handlers.WatchedFileHandler):
    """Likewise, and it looks whether the file was moved away."""

    def write_line(self, line: str) -> None:
        self.acquire()
        try:
            self.reopenIfNeeded()
            stream = self.stream = self.stream or self._open()
            stream.write(line + self.terminator)
            self.flush()
        finally:
            self.release()


def _sink(to: Destination) -> _Sink:
    if isinstance(to, logging.Logger | logging.LoggerAdapter):
        return _LoggerSink(to)
    if isinstance(to, str | os.PathLike):
        return _file_sink(to)
    return _stream_sink(to)


def _stream_sink(to: object) -> _HandlerSink:
    if isinstance(to, io.RawIOBase | io.BufferedIOBase):
        raise DeclarationError(
            f"to={to!r} of an access log takes bytes; give a text stream, such as one opened with 'a'"
        )
    if not callable(getattr(to, "write", None)):
        raise DeclarationError(f"to={to!r} of an access log is no logger, no stream with a write method and no path")
    stream = cast("TextIO", to)
    return _HandlerSink(_Stream(stream), f"stream {getattr(to, 'name', None) or repr(to)}")


def _file_sink(path: str | os.PathLike[str]) -> _HandlerSink:
    try:
        handler = _File(path, encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        raise DeclarationError(f"the access log {os.fspath(path)!r} cannot be opened: {error}") from error
    sink = _HandlerSink(handler, f"file {handler.baseFilename}")
    weakref.finalize(sink, handler.close)  # a chain has no end at which it could close its log
    return sink
