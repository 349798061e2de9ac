"""The access log: one line a request, to a logger, a stream or a file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from .exceptions import DeclarationError, did_you_mean
from .log_format import compile_format
from .log_json import compile_json
from .log_sinks import Destination, sink_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .request import Request

COMMON = '%h %l %u %t "%r" %>s %b'
COMBINED = f'{COMMON} "%{{Referer}}i" "%{{User-agent}}i"'
_FORMATS = {"common": COMMON, "combined": COMBINED}
_NAMES = (*_FORMATS, "json")

_logger = logging.getLogger("hookchain")


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

    def __init__(
        self,
        format: str = "combined",  # noqa: A002 - as Apache and logging call it
        *,
        to: Destination | None = None,
        fields: Mapping[str, str] | None = None,
        when: Callable[[Request], object] | None = None,
    ) -> None:
        if when is not None and not callable(when):
            raise DeclarationError(f"when={when!r} of an access log is not a function of the request")
        self.format = format
        self._when = when
        self._sink = sink = sink_for(logging.getLogger("hookchain.access") if to is None else to)
        self._line = _compile(format, fields, sink.line_end)
        self._put = sink.put
        self._takes_all = when is None and sink.is_open is None
        # On an event loop, a line is written like those of the servers themselves; what users wrote may wait.
        self.blocking = sink.may_wait or when is not None

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
            if self._takes_all or self._wanted(req):
                self._put(self._line(req))
        except Exception:
            _logger.exception("a line for the access log (%s) is lost", self._sink)

    def close(self) -> None:
        """Close the file, where one is written to. A later line opens it again."""
        self._sink.close()

    def _wanted(self, req: Request) -> bool:
        if self._sink.is_open is not None and not self._sink.is_open():
            return False
        if self._when is None:
            return True
        try:
            return bool(self._when(req))
        except Exception:
            _logger.exception("when=%r of the access log (%s) failed; the line is written", self._when, self._sink)
            return True

    def __repr__(self) -> str:
        return f"<AccessLog {self.format!r} to {self._sink}>"


def _compile(text: str, fields: Mapping[str, str] | None, end: str) -> Callable[[Request], str]:
    if text == "json":
        return compile_json(fields or {}, end)
    if fields is not None:
        raise DeclarationError(f"fields go with the format 'json' alone, not with {text!r}")
    if text not in _FORMATS and "%" not in text:
        raise DeclarationError(
            f"{text!r} is no access log format{did_you_mean(text, _NAMES)}; give one of {', '.join(_NAMES)}, "
            "or a format with directives such as %h"
        )
    return compile_format(_FORMATS.get(text, text), end)
