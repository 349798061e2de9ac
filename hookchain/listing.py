"""The page that lists a folder."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import time
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Iterable

_ORDER: Final = re.compile(rb"(?:^|.*[;&])C=([NMS])(?:[;&]O=([AD]))?(?:[;&].*)?", re.DOTALL)
_UNITS: Final = ("KB", "MB", "GB", "TB", "PB")
_STEP: Final = 1024
_WHOLE_FROM: Final = 9.95  # less than that is shown with one digit behind the point

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1d2430;--dim:#667085;--line:#e4e7ec;--hover:#f5f7fa;--back:#fff;--link:#175cd3;
--fold:#e0a100}
@media(prefers-color-scheme:dark){:root{--ink:#e6e8ec;--dim:#98a2b3;--line:#2b323d;--hover:#1d232d;--back:#14181f;--link:#84adff;
--fold:#f5c451}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2.5rem 1.25rem 4rem;max-width:60rem;color:var(--ink);background:var(--back);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{margin:0 0 1.5rem;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
h1 a+a::before{content:"/";margin:0 .35em;color:var(--dim);font-weight:400;display:inline-block}
a{color:var(--link);text-decoration:none}
h1 a:last-child{color:var(--ink)}
a:hover,a:focus-visible{text-decoration:underline}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.5rem .75rem;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}
th{font-size:.8rem;font-weight:600}
th a{color:var(--dim)}
th[aria-sort=ascending] a::after{content:" \\2191"}
th[aria-sort=descending] a::after{content:" \\2193"}
td:first-child{width:100%;padding-left:2.45rem;text-indent:-1.7rem;white-space:normal;overflow-wrap:anywhere}
td:nth-child(n+2){color:var(--dim);font-size:.9rem}
th:nth-child(2),td:nth-child(2){text-align:right}
tbody tr:hover{background:var(--hover)}
svg{width:1.1em;height:1.1em;margin-right:.6em;vertical-align:-.18em;fill:var(--dim)}
svg.fold{fill:var(--fold)}
p{color:var(--dim)}
@media(max-width:36rem){th:nth-child(3),td:nth-child(3){display:none}body{padding-top:1.5rem}}
"""
_FOLDER_ICON: Final = (
    '<svg class=fold viewBox="0 0 16 16" aria-hidden=true>'
    '<path d="M1 4a2 2 0 0 1 2-2h3l2 2h5a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H3a2 2 0 0 1-2-2z"/></svg>'
)
_FILE_ICON: Final = (
    '<svg viewBox="0 0 16 16" aria-hidden=true>'
    '<path d="M4.5 1H9v4h4v8.5a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 13.5v-11A1.5 1.5 0 0 1 4.5 1zM10 1l3 3h-3z"/>'
    "</svg>"
)


class Entry(NamedTuple):
    """A line of the page.

    Attributes:
        name: The name, without ``/``.
        is_folder: Whether it is a folder.
        size: Bytes; of a folder without meaning.
        modified: Seconds since the epoch.
    """

    name: str
    is_folder: bool
    size: int
    modified: float


class _Order(NamedTuple):
    column: str
    descending: bool


def listing_page(path: str, entries: Iterable[Entry], *, depth: int, query: bytes = b"") -> Response:
    """Make the page that lists a folder.

    Args:
        path: The path as the client sees it, decoded, with ``/`` at its end.
        entries: What to list, in any order.
        depth: How many folders the visitor can go up from here.
        query: The query string: ``C=N``, ``C=M`` or ``C=S`` orders by name, time or size, ``O=D`` backwards.

    Returns:
        The response. It needs no script, font or image, and says so to the browser.

    Source:
        httpd mod_autoindex, for the query.
    """
    order = _read_order(query)
    lines = sorted(entries, key=lambda entry: (entry.name.casefold(), entry.name))
    if order.column != "N":
        lines.sort(key=lambda entry: entry.modified if order.column == "M" else entry.size * (not entry.is_folder))
    if order.descending:
        lines.reverse()
    lines.sort(key=lambda entry: not entry.is_folder)
    page = _PAGE.format(
        title=escape(path),
        style=_STYLE,
        crumbs=_breadcrumb(path, depth),
        heads="".join(
            _head(column, text, order) for column, text in (("N", "Name"), ("S", "Size"), ("M", "Changed (UTC)"))
        ),
        rows=(_PARENT_ROW if depth else "") + "".join(map(_row, lines)),
        note="" if lines else "<p>Nothing here yet.</p>",
    )
    return Response(page, mimetype="text/html", headers={"Content-Security-Policy": _policy()})


_PAGE: Final = """<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width,initial-scale=1">
<title>Index of {title}</title>
<style>{style}</style>
<h1>{crumbs}</h1>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}</tbody>
</table>
{note}
</html>
"""
_PARENT_ROW: Final = f'<tr><td>{_FOLDER_ICON}<a href="../">Parent folder</a></td><td></td><td></td></tr>\n'


@functools.cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _read_order(query: bytes) -> _Order:
    match = _ORDER.fullmatch(query)
    if match is None:
        return _Order("N", descending=False)
    return _Order(match[1].decode(), descending=match[2] == b"D")


def _head(column: str, text: str, order: _Order) -> str:
    chosen = column == order.column
    sort = f" aria-sort={'descending' if order.descending else 'ascending'}" if chosen else ""
    turned = "D" if chosen and not order.descending else "A"
    return f'<th{sort}><a href="?C={column};O={turned}">{text}</a></th>'


def _breadcrumb(path: str, depth: int) -> str:
    """Link every folder on the way here; by relative links, which hold wherever the chain is mounted."""
    names = path.strip("/").split("/")[-depth:] if depth else []
    top = path.removesuffix("/".join([*names, ""]))
    crumbs = [f'<a href="{"../" * depth or "./"}">{escape(top.strip("/") or "Home")}</a>']
    for above, name in zip(range(depth - 1, -1, -1), names, strict=True):
        crumbs.append(f'<a href="{"../" * above or "./"}">{escape(name)}</a>')
    return "".join(crumbs)


def _row(entry: Entry) -> str:
    slash = "/" if entry.is_folder else ""
    link = f'<a href="./{quote(entry.name)}{slash}">{escape(entry.name)}{slash}</a>'
    size = "" if entry.is_folder else human_size(entry.size)
    icon = _FOLDER_ICON if entry.is_folder else _FILE_ICON
    return f"<tr><td>{icon}{link}</td><td>{size}</td><td>{_date(entry.modified)}</td></tr>\n"


def _date(seconds: float) -> str:
    """Give a date in UTC; a file system can hold times that are no dates."""
    try:
        moment = time.gmtime(seconds)
    except (OverflowError, ValueError, OSError):
        return ""
    return time.strftime("<time datetime=%Y-%m-%dT%H:%M:%SZ>%Y-%m-%d %H:%M</time>", moment)


def human_size(size: int) -> str:
    """Give a size for people to read.

    Args:
        size: Bytes.

    Returns:
        Such as ``"0 bytes"``, ``"1.5 KB"`` or ``"20 MB"``; a KB has 1024 bytes.
    """
    if size < _STEP:
        return "1 byte" if size == 1 else f"{size} bytes"
    amount = size / _STEP
    unit, *larger = _UNITS
    for unit_above in larger:
        if amount < _STEP:
            break
        amount, unit = amount / _STEP, unit_above
    return f"{amount:.{1 if amount < _WHOLE_FROM else 0}f} {unit}"
