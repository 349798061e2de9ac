"""Route and Surface: what an app shows to the outside, as plain data that adapters make and the audit reads."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from typing import TYPE_CHECKING, Any, Literal

from .languages import ANYTHING, END, Language, Text, sequence, union
from .regex_languages import matched, searched
from .scopes import as_httpd_matches

if TYPE_CHECKING:
    from .chain import HookChain
    from .tree import Node

OTHER = "*"
"""Stands for every method, or host, that no section names."""

Kind = Literal["route", "websocket", "mount", "location"]


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """A way into an app.

    Attributes:
        path: as the framework writes it, such as "/orders/<int:number>"; for people.
        paths: all paths that lead to it, or more than these, below where the app stands.
        methods: in upper case; None for every method.
        name: the view's or sub-app's name; for people.
        endpoint: what sections with ``endpoint`` go by; None where it is not known.
        source: "file:line" of the view, or empty.
        kind: "route", "websocket", or what has paths of its own that are not known: "mount" for an app, "location" for
            a part of the chain.
        place: where the chain itself answers, or says something about who passes; None for an app's.
    """

    path: str
    paths: Language
    methods: frozenset[str] | None = None
    name: str = ""
    endpoint: str | None = None
    source: str = ""
    kind: Kind = "route"
    place: Node | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Surface:
    """An app as seen from the outside.

    Attributes:
        name: such as "Flask app 'shop'".
        routes: its routes.
        chain: the chain that stands before all of them, where there is one.
        knows_endpoints: whether that chain knows the routes' endpoints.
        mounts: what stands below a path of it.
        notes: what people should know about the place of the chain.
        unguarded: why no chain stands before the routes, where there is none.
    """

    name: str
    routes: tuple[Route, ...] = ()
    chain: HookChain | None = None
    knows_endpoints: bool = False
    mounts: tuple[Mounted, ...] = ()
    notes: tuple[str, ...] = ()
    unguarded: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Mounted:
    """A surface below a path of another.

    Attributes:
        path: where, as the framework writes it; empty for everywhere.
        paths: what comes before the paths of its routes.
        surface: what is there.
        is_bare: whether the path without a slash behind it leads to the surface's route "/", too.
    """

    path: str
    paths: Language
    surface: Surface
    is_bare: bool = False


def literal(path: str) -> Language:
    """Return one path alone, or a part of one, as it stands."""
    return Text(path)


def matching(pattern: str, *, without_slash: bool = False) -> Language:
    """Return what a regular expression matches from beginning to end.

    Args:
        pattern: such as ``[0-9]+``.
        without_slash: whether the framework gives it no text with a slash.

    Returns:
        The language; where it can't be told exactly, more than that.
    """
    return matched(pattern, without="/" if without_slash else "")[0]


def containing(expression: re.Pattern[str], *, to_end: bool = False) -> Language:
    """Return the texts in which a regular expression is found, by ``search``; its ``$`` is the very end.

    Args:
        expression: such as ``re.compile("^users/")``.
        to_end: whether only those are wanted that end with what it matches, as for a part of a path.

    Returns:
        The language; where it can't be told exactly, more than that.
    """
    return searched(as_httpd_matches(expression), to_end=to_end)[0]


def joined(*parts: Language) -> Language:
    """Return the language of a text of each part, one after the other."""
    return sequence(*parts)


def either(*parts: Language) -> Language:
    """Return the language of what is in any of the parts."""
    return union(parts)


def rest_of_path() -> Language:
    """Return what may stand behind a mount point: nothing, or a slash and anything."""
    return union((END, sequence(Text("/"), ANYTHING)))


def source_of(view: object) -> str:
    """Return "file:line" of a function or class, unwrapped; empty where it has none."""
    while isinstance(view, functools.partial):
        view = view.func
    found: Any = inspect.unwrap(view) if callable(view) else view
    found = getattr(found, "view_class", found)  # what Flask's and Django's as_view() leave
    return _place_of(found if inspect.isroutine(found) or inspect.isclass(found) else type(found))


def _place_of(found: Any) -> str:
    try:
        file, (_, line) = inspect.getsourcefile(found), inspect.findsource(found)
    except (OSError, TypeError):
        return ""
    return f"{file}:{line + 1}"


def name_of_app(app: object) -> str:
    """Return what an app is called: its own name, or that of its class."""
    return str(getattr(app, "__qualname__", None) or type(app).__qualname__)


def unknown_app(app: object) -> Surface:
    """Return the surface of an app of which nothing is known: all that lies below where it stands."""
    name = name_of_app(app)
    return Surface(name, (Route("", rest_of_path(), name=name, source=source_of(app), kind="mount"),))
