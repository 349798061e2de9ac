"""The directives of Apache's LogFormat: what each letter writes, and with which argument."""

from __future__ import annotations

import dataclasses
import os
import threading
from typing import TYPE_CHECKING

from . import log_values as values
from .exceptions import did_you_mean
from .log_values import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .log_values import Getter


@dataclasses.dataclass(frozen=True, slots=True)
class Directive:
    """One letter of the format language.

    Attributes:
        summary: what it writes.
        make: makes its getter from the text between braces ("" without any); ValueError for a wrong one.
        original: whether an internally redirected request is read as it came in (as with "<"), not as it ended.
        exchange: whether it tells of the whole exchange with the client, whatever "<" and ">" say.
    """

    summary: str
    make: Callable[[str], Getter]
    original: bool = False
    exchange: bool = False


def _plain(getter: Getter) -> Callable[[str], Getter]:
    def make(argument: str) -> Getter:
        if argument:
            raise ValueError(f"it takes no {{{argument}}}")
        return getter

    return make


def _choice(choices: Mapping[str, Getter]) -> Callable[[str], Getter]:
    def make(argument: str) -> Getter:
        if (getter := choices.get(argument.lower())) is None:
            valid = ", ".join(f"{{{choice}}}" for choice in choices if choice)
            raise ValueError(f"it has no {{{argument}}}{did_you_mean(argument, choices)}; it takes {valid} or nothing")
        return getter

    return make


def _named(make_getter: Callable[[str], Getter]) -> Callable[[str], Getter]:
    def make(argument: str) -> Getter:
        if not argument:
            raise ValueError("it needs a name in braces")
        return make_getter(argument)

    return make


DIRECTIVES: Mapping[str, Directive] = {
    "a": Directive("IP address of the client", _plain(values.remote_address)),
    "A": Directive("local IP address, where the server tells it", _plain(values.local_address)),
    "b": Directive("bytes of body sent; - for none", _plain(lambda r: str(r.bytes_sent or MISSING)), exchange=True),
    "B": Directive("bytes of body sent", _plain(lambda r: str(r.bytes_sent)), exchange=True),
    "C": Directive("value of the named cookie of the request", _named(values.cookie)),
    "D": Directive("time taken, in microseconds", _plain(values.duration_in(1)), original=True, exchange=True),
    "e": Directive("variable of `req.env`", _named(values.variable)),
    "f": Directive("file name", _plain(lambda r: r.filename or MISSING)),
    "h": Directive("address of the client; names are never looked up", _plain(values.remote_address)),
    "H": Directive("protocol of the request", _plain(lambda r: r.protocol)),
    "i": Directive("named header of the request", _named(values.header_in)),
    "I": Directive(
        "bytes received, with request line and headers", _plain(lambda r: str(values.bytes_in(r))), exchange=True
    ),
    "k": Directive("requests served before on this connection, which no server tells: 0", _plain(lambda _: "0")),
    "l": Directive("remote log name: always -", _plain(lambda _: MISSING)),
    "L": Directive("id of the request in the error log: always -", _plain(lambda _: MISSING), original=True),
    "m": Directive("method", _plain(lambda r: r.method)),
    "n": Directive("entry of `req.notes`", _named(values.note)),
    "o": Directive("named header of the response", _named(values.header_out)),
    "O": Directive(
        "bytes sent, with status line and headers", _plain(lambda r: str(values.bytes_out(r))), exchange=True
    ),
    "p": Directive(
        "port: of the server (canonical), the connection here (local) or there (remote)",
        _choice(
            {
                "": values.canonical_port,
                "canonical": values.canonical_port,
                "local": values.local_port,
                "remote": values.remote_port,
            },
        ),
    ),
    "P": Directive(
        "id of the process (pid) or thread (tid, hextid)",
        _choice(
            {
                "": lambda _: str(os.getpid()),
                "pid": lambda _: str(os.getpid()),
                "tid": lambda _: str(threading.get_ident()),
                "hextid": lambda _: f"{threading.get_ident():x}",
            }
        ),
    ),
    "q": Directive("query string with ? in front, or nothing", _plain(values.query)),
    "r": Directive("first line of the request", _plain(values.request_line), original=True),
    "R": Directive("handler (`req.handler`)", _plain(lambda r: r.handler or MISSING), original=True),
    "s": Directive("status", _plain(values.status), original=True),
    "S": Directive(
        "bytes received and sent: the sum of %I and %O",
        _plain(lambda r: str(values.bytes_in(r) + values.bytes_out(r))),
        exchange=True,
    ),
    "t": Directive("time of the request", values.request_time, original=True, exchange=True),
    "T": Directive(
        "time taken, in seconds (s), milliseconds (ms) or microseconds (us)",
        _choice(
            {
                "": values.duration_in(1_000_000),
                "s": values.duration_in(1_000_000),
                "ms": values.duration_in(1_000),
                "us": values.duration_in(1),
            }
        ),
        original=True,
        exchange=True,
    ),
    "u": Directive('user; "" for an empty name', _plain(values.user_name)),
    "U": Directive("path, without query string", _plain(lambda r: r.uri), original=True),
    "v": Directive("name of the server", _plain(values.server_name)),
    "V": Directive("name of the server as the client wrote it in Host", _plain(values.client_server_name)),
    "X": Directive(
        "connection afterwards: X aborted, + may be kept alive, - closed",
        _plain(values.connection_status),
        exchange=True,
    ),
}
"""Every directive by its letter.

Source: httpd `log_pre_config` and the `log_...` functions (modules/loggers/mod_log_config.c), mod_logio.c.
"""
