"""Spellings of request targets, and the environs that servers make of them."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable

SLASHES = ("/", "//", "///", "/./", "/././", "%2f", "%2F", "/%2f", "/%2e/", "/%2E/", "%2F.%2f")
DETOURS = ("/x/../", "/x/%2e%2e/", "/x/.%2E/", "/x/y/../../", "//x/..//", "%2fx%2f..%2f", "/x/..%2f", "/./x/./.././")
ENDS = ("", "/", "//", "/.", "/./", "%2f", "/%2e", "/x/..", "/x/../", "/x/%2E%2e/.")
ORIGINS = ("", "http://localhost", "HTTP://LOCALHOST:80", "https://other.example", "http://user:word@host.example:8080")
QUERIES = ("", "?", "?x=1", "?/../open", "?x=%2e%2e%2f", "?a=/open/x", "??")


def spellings_of(path: str, *, ends: Iterable[str] = ("",)) -> st.SearchStrategy[str]:
    """Return request targets that all mean one path; ``ends`` may stand behind it."""
    segments = [st.tuples(_between(), _spelt(segment)).map("".join) for segment in path.split("/")[1:]]
    parts = (st.sampled_from(ORIGINS), *segments, st.sampled_from(tuple(ends)), st.sampled_from(QUERIES))
    return st.tuples(*parts).map(_joined)


def _between() -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(SLASHES), st.sampled_from(DETOURS))


def _joined(parts: tuple[str, ...]) -> str:
    # A target begins with a slash that is one; in front of an authority it would be another thing.
    origin, path = parts[0], "".join(parts[1:])
    return origin + (path if path.startswith("/") and not path.startswith("//") else "/" + path)


def _spelt(segment: str) -> st.SearchStrategy[str]:
    return st.tuples(*map(_sign, segment)).map("".join)


def _sign(sign: str) -> st.SearchStrategy[str]:
    escaped = "".join(f"%{byte:02x}" for byte in sign.encode())
    plain = sign.encode().decode("latin-1") if sign not in "?#% " else escaped
    mixed = escaped.replace("c", "C").replace("e", "E")
    return st.sampled_from((plain, plain, plain, escaped, escaped.upper(), mixed))


def targets() -> st.SearchStrategy[str]:
    """Return request targets put together of what is known to confuse those who read paths."""
    words = (
        "private",
        "Private",
        "members.txt",
        "admin",
        "open",
        "x",
        "users",
        "ann",
        "secret",
        "report.txt",
        "open.txt",
        "link",
        "sub",
    )
    odd = (
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "...",
        "%00",
        "%ff",
        "%c0%ae",
        "%c3%a9",
        "\xc3\xa9",
        "\\",
        "%5c",
        ";",
        ";x=1",
        "%0a",
    )
    more = (
        "%252e%252e",
        "%252f",
        "%",
        "%2",
        "%zz",
        "+",
        "%20",
        "~",
        ":",
        "@",
        "*",
        "&",
        "=",
        "'",
        '"',
        "<",
        ">",
        "%3f",
    )
    pieces = st.one_of(st.sampled_from(words), st.sampled_from(odd), st.sampled_from(more))
    path = st.lists(st.one_of(pieces, st.sampled_from(SLASHES)), max_size=12).map("".join)
    return st.tuples(st.sampled_from(ORIGINS), path, st.sampled_from(QUERIES)).map(_joined)


def environ_of(target: str, method: str = "GET", *, script_name: str = "", **more: Any) -> dict[str, Any]:
    """Make the environ of a request target; one character of it is one byte.

    The two keys with the target as it was sent are those of Werkzeug and gunicorn.
    """
    before, _, query = target.partition("?")
    path = urlsplit(before).path if not before.startswith("/") else before
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "192.0.2.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **more,
    }
