"""A log line as straight code: one function reads the values of a format and writes them between its literal texts.

A loop over getters would cost several times what they read. So each format is compiled from text once for any request,
and once for the usual one, which was made of a WSGI environ and redirected nowhere: what nobody else has asked for is
read from the environ there, and not made first. The text is what a person would write; tracebacks show its lines.
"""

from __future__ import annotations

import dataclasses
import linecache
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .environ_request import EnvironRequest
from .log_values import (
    MISSING,
    Getter,
    Verbatim,
    final_of,
    header_variable,
    original_of,
    usual_request_line,
    usual_start,
)

if TYPE_CHECKING:
    from .request import Request

_logger = logging.getLogger("hookchain")

_SHORT = {"\b": "\\b", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"'}
_CALLED = "{get}(req)"
_PRINTABLE = range(0x20, 0x7F)
_BYTES = tuple(_SHORT.get(chr(byte)) or (chr(byte) if byte in _PRINTABLE else f"\\x{byte:02x}") for byte in range(256))
_PLAIN = bytes(byte for byte in _PRINTABLE if _BYTES[byte] == chr(byte))
"""What is never escaped."""


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One directive of a format, as it is written there.

    Attributes:
        source: its text, such as "%>s".
        get: reads the value of one record.
        from_first: whether it reads the first record of an internally redirected request, not the last.
        usual: an expression that reads the same of the usual request; with "{get}" where its getter is to be called.
    """

    source: str
    get: Getter
    from_first: bool
    usual: str = _CALLED


_ADDRESS = '(made["remote_addr"] if "remote_addr" in made else environ.get("REMOTE_ADDR")) or "-"'
_USUAL = {
    "a": _ADDRESS,
    "b": 'req.bytes_sent or "-"',
    "B": "req.bytes_sent",
    "h": _ADDRESS,
    "k": '"0"',
    "l": '"-"',
    "L": '"-"',
    "m": "req.method",
    "r": "usual_request_line(req, made, environ)",
    "s": 'status if (status := req.status) > 0 else "-"',
    "t": "{get}.at(usual_start(req, made))",
    "u": '"-" if req.user is None else {get}(req)',
}
"""Expressions by the letters of directives without argument; what ``made`` holds was set by somebody, or asked for."""


def usual_expression(letter: str, argument: str) -> str:
    """Return the expression that reads a directive's value of the usual request."""
    if letter == "i":
        return f'sent.get({header_variable(argument)!r}, "-")'.replace("{", "{{").replace("}", "}}")
    return _CALLED if argument else _USUAL.get(letter, _CALLED)


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
    if type(text) is Verbatim or not _odd_of(text):
        return text
    return "".join([_BYTES[byte] for byte in utf8(text)])


def _odd_of(text: str) -> bytes:
    """Return what is not plain in a text."""
    return text.encode("utf-8", "surrogatepass").translate(None, _PLAIN)


def compile_line(literals: Sequence[str], items: Sequence[Item]) -> Callable[[Request], str]:
    """Make the function that writes a line.

    Args:
        literals: the literal texts.
        items: what stands between them.

    Returns:
        The function. It takes any record of a request.
    """
    text = source(literals, items)
    name = f"<hookchain log line {hash(text):x}>"
    space: dict[str, Any] = {
        "EnvironRequest": EnvironRequest,
        "carefully": _careful(literals, items),
        "final_of": final_of,
        "original_of": original_of,
        "usual_request_line": usual_request_line,
        "usual_start": usual_start,
        "PLAIN": _PLAIN,
        "ODD": _odd_of("".join(literals)),
        **{f"get{index}": item.get for index, item in enumerate(items)},
    }
    exec(compile(text, name, "exec"), space)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    line: Callable[[Request], str] = space["line"]
    return line


_SOURCE = """\
def line(req):
    try:
        if type(req) is EnvironRequest and req.prev is None and req.next is None:
            made, environ = req.__dict__, req.environ
            sent = made["headers"].environ if "headers" in made else environ
            {usual}
        else:
            first, last = original_of(req), final_of(req)
            {any}
        whole = {whole}
        # One look at the whole line is cheaper than one at each value, and nearly always enough.
        if whole.encode("utf-8", "surrogatepass").translate(None, PLAIN) == ODD:
            return whole
    except Exception:
        return carefully(req)
    return carefully(req)
"""


def source(literals: Sequence[str], items: Sequence[Item]) -> str:
    """Return the text of the function that writes a line."""
    usual = [f"value{index} = {item.usual.format(get=f'get{index}')}" for index, item in enumerate(items)]
    every = [f"value{index} = get{index}({'first' if i.from_first else 'last'})" for index, i in enumerate(items)]
    parts = [literals[0].replace("{", "{{").replace("}", "}}")]
    for index, literal in enumerate(literals[1:]):
        parts += [f"{{value{index}}}", literal.replace("{", "{{").replace("}", "}}")]
    indented = "\n            ".join
    return _SOURCE.format(usual=indented(usual), any=indented(every), whole=f"f{''.join(parts)!r}")


def read_carefully(literals: Sequence[str], items: Sequence[Item], record: Request) -> list[str]:
    """Return literal texts and values in turn; a directive that raises is logged, and "-" stands in its place."""
    first, last = original_of(record), final_of(record)
    parts = [literals[0]]
    for item, literal in zip(items, literals[1:], strict=True):
        try:
            value = item.get(first if item.from_first else last)
        except Exception:
            _logger.exception("%s in an access log failed; - stands in its place", item.source)
            value = MISSING
        parts += [value, literal]
    return parts


def _careful(literals: Sequence[str], items: Sequence[Item]) -> Callable[[Request], str]:
    def line(record: Request) -> str:
        parts = read_carefully(literals, items, record)
        parts[1::2] = [escape(value) for value in parts[1::2]]
        return "".join(parts)

    return line
