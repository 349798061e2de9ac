"""Apache's LogFormat language: a format is read once and becomes a function that writes a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .exceptions import DeclarationError
from .log_directives import DIRECTIVES
from .log_line import Item, compile_line, read_carefully, usual_expression
from .log_values import MISSING, Getter, final_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .request import Request

_ITEM = re.compile(r"%(?P<options>(?:[!<>,]|\d+|\{[^}]*\})*)(?P<letter>.?)", re.DOTALL | re.ASCII)
_OPTION = re.compile(r"(?P<sign>[!<>])|(?P<status>\d+)|\{(?P<argument>[^}]*)\}", re.ASCII)
_ESCAPE = re.compile(r'\\([\\nrt"])')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"'}
# gunicorn's access_log_format, which people have at hand, writes %(h)s and %({referer}i)s.
_PYTHON_STYLE = re.compile(r"%\((\{[^}]*\})?(\w)\)s")


def compile_format(text: str, end: str = "") -> Callable[[Request], str]:
    r"""Make a function that writes the line of a request.

    A directive that raises writes "-" and is logged, so that no line is lost.

    Args:
        text: a format such as '%h %l %u %t "%r" %>s %b'; "\n", "\t", "\r", "\\" and "\"" in it are escapes.
        end: what the line ends with.

    Returns:
        The function. It takes any record of a request and writes of the first and the last one.

    Raises:
        DeclarationError: a directive is unknown, not closed or has a wrong argument.

    Source: httpd `parse_log_item` and `config_log_transaction` (modules/loggers/mod_log_config.c).
    """
    literals, items = parse(text)
    return compile_line([*literals[:-1], literals[-1] + end], items)


def compile_value(text: str) -> Callable[[Request], str]:
    """Make a function like that of `compile_format` that escapes nothing, for a value that is escaped later.

    Args:
        text: a format.

    Returns:
        The function.

    Raises:
        DeclarationError: as in `compile_format`.
    """
    literals, items = parse(text)
    return lambda record: "".join(read_carefully(literals, items, record))


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
    return Item(match[0], get, from_first, usual_expression(letter, argument))


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
