"""The setting HOOKCHAIN, and everything that can be wrong with it and with the middleware's place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, cast

from django.conf import settings

from hookchain import ConfigError, HookChain
from hookchain.adapting import did_you_mean, import_dotted

from .auth import session_user

MIDDLEWARE = "django_hookchain.HookChainMiddleware"
_SPELLINGS = frozenset({MIDDLEWARE, "django_hookchain.middleware.HookChainMiddleware"})
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_KEYS = ("CHAIN",)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or probably not meant.

    Attributes:
        code: the code of ``hookchain check``, or one of Django's place.
        message: what is wrong.
        remedy: what to do.
        places: "file:line" of every declaration involved.
        is_error: whether the site can't work so.
    """

    code: str
    message: str
    remedy: str
    places: tuple[str, ...] = ()
    is_error: bool = True


def load_chain() -> HookChain:
    """Return the chain that HOOKCHAIN names.

    Raises:
        ConfigError: there is none; the message names the key, and the nearest valid name.
    """
    given: Any = getattr(settings, "HOOKCHAIN", None)
    if not isinstance(given, Mapping):
        remedy = 'write HOOKCHAIN = {"CHAIN": "mysite.hooks.hooks"} into the settings'
        raise ConfigError(f"HOOKCHAIN is {'missing' if given is None else f'no dictionary but {given!r}'}; {remedy}")
    options = cast("Mapping[str, Any]", given)
    for name in options:
        if name not in _KEYS:
            raise ConfigError(f"there is no such key{did_you_mean(name.upper(), _KEYS)}", key=f"HOOKCHAIN[{name!r}]")
    chain, key = options.get("CHAIN"), "HOOKCHAIN['CHAIN']"
    found = import_dotted(chain, key=key) if isinstance(chain, str) else chain
    if not isinstance(found, HookChain):
        raise ConfigError(f"{chain!r} is no HookChain but {type(found).__name__}; name a chain", key=key)
    return found


def findings() -> Iterator[Finding]:
    """Find everything that is wrong with the setting, the chain and the middleware's place."""
    try:
        chain = load_chain()
    except ConfigError as error:
        yield Finding("setting", str(error), "Correct the setting HOOKCHAIN.")
        return
    problems = chain.problems()
    for problem in problems:
        yield Finding(problem.code, problem.message, problem.remedy, problem.places)
    for advice in chain.advice():
        if advice.code != "endpoint-scope":  # here it does apply
            yield Finding(advice.code, advice.message, advice.remedy, advice.places, is_error=False)
    yield from place_findings(reads_session=not problems and _reads_session(chain))


def _reads_session(chain: HookChain) -> bool:
    return any(entry.handler.function is session_user for entry in chain.plan.tree.entries)


def place_findings(*, reads_session: bool) -> Iterator[Finding]:
    """Find what is wrong with the place of the middleware.

    Args:
        reads_session: whether the chain has handlers that need Django's session.
    """
    middleware = list(settings.MIDDLEWARE)
    places = [index for index, name in enumerate(middleware) if name in _SPELLINGS]
    if not places:
        yield Finding(
            "middleware-missing",
            "HOOKCHAIN is set, and MIDDLEWARE does not have the middleware: nothing is guarded",
            f'Put "{MIDDLEWARE}" first into MIDDLEWARE.',
        )
    elif len(places) > 1:
        yield Finding(
            "middleware-twice",
            "MIDDLEWARE has HookChainMiddleware twice: each request would pass the chain twice",
            "Remove one of the two.",
        )
    else:
        yield from _misplaced(middleware[: places[0]], reads_session=reads_session)


def _misplaced(before: list[str], *, reads_session: bool) -> Iterator[Finding]:
    if reads_session and _AUTHENTICATION not in before:
        yield Finding(
            "middleware-place",
            "the chain has the handler session_user, and HookChainMiddleware stands before AuthenticationMiddleware",
            f'Put "{MIDDLEWARE}" directly behind "{_AUTHENTICATION}".',
        )
    elif before and before[-1] != _AUTHENTICATION:
        yield Finding(
            "middleware-place",
            f"HookChainMiddleware stands behind {before[-1]}: what stands before the chain is not guarded by it",
            f'Put it first, or directly behind "{_AUTHENTICATION}" where handlers read the session or the user.',
            is_error=False,
        )
