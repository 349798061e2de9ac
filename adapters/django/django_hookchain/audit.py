"""The routes of a Django site, and the chain that stands before them, as the audit reads them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from django.conf import settings
from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver
from django.urls.resolvers import LocalePrefixPattern
from django.utils import translation
from django.utils.module_loading import import_string

from hookchain.audit import Language, Route, Surface, containing, either, joined, literal, source_of, with_chain

from .middleware import HookChainMiddleware
from .settings import MIDDLEWARE, load_chain, place_findings

_Patterns = Sequence[URLPattern | URLResolver]


def surface_of(_app: object = None) -> Surface:
    """Return what the site of the settings shows to the outside."""
    site = Surface(
        f"Django site {site_name()!r}",
        tuple(_routes(get_resolver().url_patterns, "/", literal("/"), [])),
        unguarded=f'no chain stands before this site: put "{MIDDLEWARE}" first into MIDDLEWARE',
    )
    if not any(map(_is_ours, settings.MIDDLEWARE)):
        return site
    notes = tuple(finding.message for finding in place_findings(reads_session=False) if not finding.is_error)
    guarded = with_chain(site, load_chain(), knows_endpoints=True)
    return dataclasses.replace(guarded, notes=notes)


def site_name() -> str:
    """Return the name of the module with the site's routes."""
    urlconf: Any = settings.ROOT_URLCONF
    return str(getattr(urlconf, "__name__", urlconf))


def _is_ours(name: str) -> bool:
    middleware: Any = import_string(name)
    return isinstance(middleware, type) and issubclass(middleware, HookChainMiddleware)


def _routes(patterns: _Patterns, path: str, paths: Language, namespaces: list[str | None]) -> Iterator[Route]:
    for each in patterns:
        here = path + str(each.pattern)
        if isinstance(each, URLResolver):
            below = joined(paths, _matched(each.pattern, to_end=True))
            inner = [*namespaces, each.namespace] if each.namespace else namespaces
            yield from _routes(each.url_patterns, here, below, inner)
        else:
            view = cast("Any", each).callback
            endpoint = ResolverMatch(view, (), {}, each.name, namespaces=namespaces).view_name
            yield Route(
                path=here,
                paths=joined(paths, _matched(each.pattern, to_end=False)),
                name=endpoint,
                endpoint=endpoint,
                source=source_of(view),
            )


def _matched(pattern: Any, *, to_end: bool) -> Language:
    """What a pattern takes of the path: as far as it matches, or all of it."""
    languages = [code for code, _ in settings.LANGUAGES] if settings.USE_I18N else []
    if isinstance(pattern, LocalePrefixPattern):
        return either(literal(""), *(literal(f"{code}/") for code in languages))
    if not _is_translated(pattern):
        return containing(pattern.regex, to_end=to_end)
    return either(*(containing(regex, to_end=to_end) for regex in _in_each_language(pattern, languages)))


def _is_translated(pattern: object) -> bool:
    written = vars(pattern)
    return not isinstance(written.get("_route", written["_regex"]), str)


def _in_each_language(pattern: Any, languages: list[str]) -> set[re.Pattern[str]]:
    found: set[re.Pattern[str]] = set()
    for code in (*languages, settings.LANGUAGE_CODE):
        with translation.override(code):
            found.add(pattern.regex)
    return found
