"""Times in log lines: Apache's, strftime's and ISO 8601, with names that no locale changes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .exceptions import did_you_mean

if TYPE_CHECKING:
    from .request import Request

_NEAREST = 5e-7  # the second of a time is that of its nearest microsecond

Render = Callable[[time.struct_time], str]
"""Writes one local time as text."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_NOON = 12
# What these mean in the C locale, in which httpd runs.
_COMPOSED = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "h": "%b",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}
# Python's strftime would take these from the locale, or not know them everywhere.
_OWN: dict[str, Render] = {
    "a": lambda t: _DAYS[t.tm_wday][:3],
    "A": lambda t: _DAYS[t.tm_wday],
    "b": lambda t: _MONTHS[t.tm_mon - 1][:3],
    "B": lambda t: _MONTHS[t.tm_mon - 1],
    "C": lambda t: f"{t.tm_year // 100:02d}",
    "e": lambda t: f"{t.tm_mday:2d}",
    "k": lambda t: f"{t.tm_hour:2d}",
    "l": lambda t: f"{t.tm_hour % _NOON or _NOON:2d}",
    "n": lambda _: "\n",
    "p": lambda t: "AM" if t.tm_hour < _NOON else "PM",
    "P": lambda t: "am" if t.tm_hour < _NOON else "pm",
    "s": lambda t: str(int(time.mktime(t))),
    "t": lambda _: "\t",
    "z": lambda t: _zone(t, ""),
    "%": lambda _: "%",
}
_NUMERIC = "dgGHIjmMSuUVwWyYZ"
_PIECE = re.compile(r"%(.?)|[^%]+", re.DOTALL)


def _zone(local: time.struct_time, separator: str) -> str:
    minutes = abs(local.tm_gmtoff) // 60
    return f"{'-' if local.tm_gmtoff < 0 else '+'}{minutes // 60:02d}{separator}{minutes % 60:02d}"


def apache_time(local: time.struct_time) -> str:
    """Write a time as Apache's ``%t`` does: "[22/Nov/2026:20:28:38 +0000]".

    Source: httpd `log_request_time` (modules/loggers/mod_log_config.c).
    """
    return (
        f"[{local.tm_mday:02d}/{_MONTHS[local.tm_mon - 1][:3]}/{local.tm_year}"
        f":{local.tm_hour:02d}:{local.tm_min:02d}:{local.tm_sec:02d} {_zone(local, '')}]"
    )


def iso_template(local: time.struct_time) -> str:
    """Write a time in ISO 8601 with its zone and a "%03d" where the milliseconds go."""
    return (
        f"{local.tm_year:04d}-{local.tm_mon:02d}-{local.tm_mday:02d}"
        f"T{local.tm_hour:02d}:{local.tm_min:02d}:{local.tm_sec:02d}.%03d{_zone(local, ':')}"
    )


def compile_strftime(text: str) -> Render:
    """Make a function that writes a local time in a strftime format, in the C locale.

    Args:
        text: a format of strftime(3), without flags and modifiers ("%-d", "%Ey").

    Returns:
        The function.

    Raises:
        ValueError: the format has a conversion that strftime does not know.
    """
    parts: list[Render] = []
    for piece in _PIECE.finditer(text):
        letter = piece[1]
        if letter is None:
            parts.append(partial(_literal, piece[0]))
        elif letter in _COMPOSED:
            parts.append(compile_strftime(_COMPOSED[letter]))
        elif letter in _OWN:
            parts.append(_OWN[letter])
        elif letter and letter in _NUMERIC:
            parts.append(partial(time.strftime, piece[0]))
        else:
            raise ValueError(f"strftime has no {piece[0]!r}{did_you_mean(letter, [letter.swapcase()])}")
    return lambda local: "".join([part(local) for part in parts])


def _literal(text: str, _: time.struct_time) -> str:
    return text


def microseconds(seconds: float) -> int:
    """Return a time or duration in whole microseconds, the unit in which Apache keeps both."""
    return round(seconds * 1_000_000)


def moment(record: Request, *, end: bool) -> float:
    """Return when the request began or, with ``end``, when it was finished, in seconds since the epoch."""
    return record.start_time + record.duration if end else record.start_time


class EachSecond:
    """Writes the time of requests, rendered anew only when the second changes.

    It may be called in several threads.
    """

    def __init__(self, render: Render, *, end: bool = False) -> None:
        """Take what writes a local time, and whether the time is that of a request's end, not its begin."""
        self._render = render
        self._end = end
        self._known = (0.0, 0.0, "")

    def __call__(self, record: Request) -> str:
        """Write a request's time."""
        return self.at(moment(record, end=self._end))

    def at(self, seconds: float) -> str:
        """Write a time in seconds since the epoch."""
        first, behind, text = self._known  # one read: another thread may replace it at any time
        if first <= seconds < behind:
            return text
        second = int(seconds + _NEAREST)
        text = self._render(time.localtime(second))
        self._known = (second - _NEAREST, second + 1 - _NEAREST, text)
        return text
