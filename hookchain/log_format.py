"""Apache's LogFormat language: a format is read once and becomes a function that writes a line."""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import TYPE_CHECKING

from .exceptions import DeclarationError
from .log_directives import DIRECTIVES
from .log_values import MISSING, Getter, Verbatim, final_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .request import Request

_logger = logging.getLogger("hookchain")

_ITEM = re.compile(r"%(?P<options>(?:[!<>,]|\d+|\{[^}]*\})*)(?P<letter>.?)", re.DOTALL | re.ASCII)
_OPTION = re.compile(r"(?P<sign>[!<>])|(?P<status>\d+)|\{(?P<argument>[^}]*)\}", re.ASCII)
_ESCAPE = re.compile(r'\\([\\nrt"])')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}
# gunicorn's access_log_format, which people have at hand, writes %(h)s and %({referer}i)s.
_PYTHON_STYLE = re.compile(r"%\((\{[^}]*\})?(\w)\)s")

_SHORT = {"\b": "\\b", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'}
_PRINTABLE = range(0x20, 0x7F)
_BYTES = tuple(_SHORT.get(chr(byte)) or (chr(byte) if byte in _PRINTABLE else f"\\x{byte:02x}") for byte in range(256))


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One directive of a format, as it is written there.

    Attributes:
        source: its text, such as "%>s".
        get: reads the value of one record.
        from_first: whether it reads the first record of an internally redirected request, not the last.
    """

    source: str
    get: Getter
    from_first: bool


def utf8(text: str) -> bytes:
    """Return the bytes that a text stands for; what came in as no UTF-8 is given back as it came."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def escape(text: str) -> str:
    r"""Escape what could make one log line look like two, or one field like another.

    Args:
        text: a value of the log line.

    Returns:
        Printable ASCII, in which quotes and backslashes have a backslash in front; other bytes are "\n", "\t" and so
        on where C has a letter, else "\xhh".

    Source: httpd `ap_escape_logitem` (server/util.c).
    """
    if type(text) is Verbatim or (text.isascii() and text.isprintable() and '"' not in text and "\\" not in text):
        return text
    return "".join([_BYTES[byte] for byte in utf8(text)])


def compile_format(text: str) -> Callable[[Request], str]:
    r"""Make a function that writes the line of a request, without a line end.

    A directive that raises writes "-" and is logged, so that no line is lost.

    Args:
        text: a format such as '%h %l %u %t "%r" %>s %b'; "\n", "\t", "\r", "\\" and "\"" in it are escapes.

    Returns:
        The function. It takes any record of a request and writes of the first and the last one.

    Raises:
        DeclarationError: a directive is unknown, not closed or has a wrong argument.

    Source: httpd `parse_log_item` and `config_log_transaction` (modules/loggers/mod_log_config.c).
    """
    literals, items = parse(text)
    read = _reader(literals, items)
    quotes = sum(literal.count('"') for literal in literals)

    def line(record: Request) -> str:
        parts = read(record)
        whole = "".join(parts)
        # One look at the whole line is cheaper than one at each value, and nearly always enough.
        if whole.isascii() and whole.isprintable() and "\\" not in whole and whole.count('"') == quotes:
            return whole
        parts[1::2] = [escape(value) for value in parts[1::2]]
        return "".join(parts)

    return line


def compile_value(text: str) -> Callable[[Request], str]:
    """Make a function like that of `compile_format` that escapes nothing, for a value that is escaped later.

    Args:
        text: a format.

    Returns:
        The function.

    Raises:
        DeclarationError: as in `compile_format`.
    """
    read = _reader(*parse(text))
    return lambda record: "".join(read(record))


def _reader(literals: list[str], items: list[Item]) -> Callable[[Request], list[str]]:
    """Make a function that returns literals and values in turn; it begins and ends with a literal."""
    template = [part for literal in literals for part in (literal, "")][:-1]
    readers = [(2 * index + 1, item.get, item.from_first) for index, item in enumerate(items)]

    def read(record: Request) -> list[str]:
        first = last = record
        while first.prev is not None:
            first = first.prev
        while last.next is not None:
            last = last.next
        parts = template.copy()
        for position, get, from_first in readers:
            try:
                parts[position] = get(first if from_first else last)
            except Exception:
                _logger.exception("%s in an access log failed; - stands in its place", items[position // 2].source)
                parts[position] = MISSING
        return parts

    return read


def parse(text: str) -> tuple[list[str], list[Item]]:
    """Take a format apart.

    Args:
        text: the format.

    Returns:
        The literal texts, and the directives that stand between them: one fewer.

    Raises:
        DeclarationError: a directive is unknown, not closed or has a wrong argument.
    """
    literals, items, end = [""], list[Item](), 0
    for match in _ITEM.finditer(text):
        literals[-1] += _unescape(text[end : match.start()])
        end = match.end()
        if match[0] == "%%":
            literals[-1] += "%"
        else:
            items.append(_item(text, match))
            literals.append("")
    literals[-1] += _unescape(text[end:])
    return literals, items


def _unescape(literal: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES[match[1]], literal)


def _item(text: str, match: re.Match[str]) -> Item:
    where = f"at character {match.start() + 1} of the log format {text!r}"
    letter = match["letter"]
    if letter == "{":
        raise DeclarationError(f"the brace of {match[0]!r} {where} is not closed; write %{{name}}i")
    if (directive := DIRECTIVES.get(letter)) is None:
        raise DeclarationError(f"{match[0]!r} {where} is no directive; {_remedy(text, match)}")
    argument, sign, negated, statuses = _options(match["options"])
    try:
        get = directive.make(argument)
    except ValueError as error:
        raise DeclarationError(f"{match[0]!r} {where} is wrong: {error}") from None
    from_first = directive.exchange or (sign == "<" if sign else directive.original)
    if statuses:
        return Item(match[0], _conditional(get, statuses, negated=negated, from_first=from_first), from_first=True)
    return Item(match[0], get, from_first)


def _options(options: str) -> tuple[str, str, bool, frozenset[int]]:
    """Return the argument, "<" or ">" or nothing, whether a "!" negates, and the statuses."""
    found = list(_OPTION.finditer(options))
    arguments = [match["argument"] for match in found if match["argument"] is not None]
    signs = [match["sign"] for match in found if match["sign"]]
    chosen = [sign for sign in signs if sign != "!"]
    statuses = frozenset(int(match["status"]) for match in found if match["status"])
    return (arguments or [""])[-1], (chosen or [""])[-1], signs.count("!") % 2 == 1, statuses


def _remedy(text: str, match: re.Match[str]) -> str:
    if python_style := _PYTHON_STYLE.match(text, match.start()):
        return f"write %{python_style[1] or ''}{python_style[2]} (did you mean that?)"
    swapped = match["letter"].swapcase()
    if swapped in DIRECTIVES:
        return f"did you mean '%{swapped}' ({DIRECTIVES[swapped].summary})?"
    return f"use %% for a percent sign, or one of {' '.join(f'%{letter}' for letter in DIRECTIVES)}"


def _conditional(get: Getter, statuses: frozenset[int], *, negated: bool, from_first: bool) -> Getter:
    def conditional(first: Request) -> str:
        last = final_of(first)
        if (last.status in statuses) is negated:
            return MISSING
        return get(first if from_first else last)

    return conditional
