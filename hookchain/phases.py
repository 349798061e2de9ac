"""Phase and Policy: the phases of a request in their order, with httpd's and mod_python's names."""

from __future__ import annotations

import enum
from typing import Self


class Policy(enum.Enum):
    """How the handlers of a phase are called, one after the other.

    Source: httpd's ``AP_IMPLEMENT_HOOK_RUN_FIRST``, ``AP_IMPLEMENT_HOOK_RUN_ALL`` and ``AP_IMPLEMENT_HOOK_VOID``.
    """

    RUN_FIRST = "run_first"
    """Until one does not decline; that one settles the phase."""
    RUN_ALL = "run_all"
    """All of them, as long as each answers OK or declines."""
    VOID = "void"
    """All of them, whatever they answer."""


class Phase(enum.Enum):
    """A phase of a request; the members stand in request order.

    Each member carries ``policy``, ``hook`` (the httpd hook's name), ``directive`` (mod_python's, or None) and
    ``summary`` (one line for people).

    Source: httpd ``server/request.c`` and ``include/http_request.h``; mod_python's manual, "Request handlers".
    """

    POST_READ_REQUEST = (
        "post_read_request",
        Policy.RUN_ALL,
        "post_read_request",
        "PythonPostReadRequestHandler",
        "the request was read: identify, count, rewrite it before anything else looks",
    )
    TRANS = (
        "trans",
        Policy.RUN_FIRST,
        "translate_name",
        "PythonTransHandler",
        "translate the URI path to a file name, or rewrite it",
    )
    MAP_TO_STORAGE = (
        "map_to_storage",
        Policy.RUN_FIRST,
        "map_to_storage",
        None,
        "find what the file name stands for, and split off path_info",
    )
    HEADER_PARSER = (
        "header_parser",
        Policy.RUN_ALL,
        "header_parser",
        "PythonHeaderParserHandler",
        "look at the headers, now that all sections are known",
    )
    ACCESS = (
        "access",
        Policy.RUN_ALL,
        "access_checker",
        "PythonAccessHandler",
        "refuse by address, time, rate: by anything but the user",
    )
    AUTHEN = (
        "authen",
        Policy.RUN_FIRST,
        "check_user_id",
        "PythonAuthenHandler",
        "find out who the user is",
    )
    AUTHZ = (
        "authz",
        Policy.RUN_FIRST,
        "auth_checker",
        "PythonAuthzHandler",
        "decide whether this user may have this",
    )
    TYPE = (
        "type",
        Policy.RUN_FIRST,
        "type_checker",
        "PythonTypeHandler",
        "determine media type and encoding of the answer",
    )
    FIXUP = (
        "fixup",
        Policy.RUN_ALL,
        "fixups",
        "PythonFixupHandler",
        "last changes before the content: response headers, environment",
    )
    CONTENT = (
        "content",
        Policy.RUN_FIRST,
        "handler",
        "PythonHandler",
        "make the response",
    )
    LOG = (
        "log",
        Policy.RUN_ALL,
        "log_transaction",
        "PythonLogHandler",
        "the last byte is gone: write down what happened",
    )
    CLEANUP = (
        "cleanup",
        Policy.VOID,
        "pool cleanup",
        "PythonCleanupHandler",
        "give back what the request has used",
    )

    policy: Policy
    hook: str
    directive: str | None
    summary: str

    def __new__(cls, value: str, policy: Policy, hook: str, directive: str | None, summary: str) -> Self:
        """Make a member whose value is the lower-case name that decorators use."""
        member = object.__new__(cls)
        member._value_ = value
        member.policy = policy
        member.hook = hook
        member.directive = directive
        member.summary = summary
        return member

    # Members are compared by identity; enum's own __hash__ (of the name) is a Python call on each dict lookup.
    __hash__ = object.__hash__


INIT = "init"
"""The name under which PythonInitHandler's two meanings are registered; not a phase of its own."""

CYCLE_PHASES: tuple[Phase, ...] = tuple(phase for phase in Phase if phase not in {Phase.LOG, Phase.CLEANUP})
"""The phases from POST_READ_REQUEST to CONTENT, which an answer may end; LOG and CLEANUP run in any case."""

GUARDS = (Phase.ACCESS, Phase.AUTHEN, Phase.AUTHZ)
"""The phases that decide who is let through."""

PHASE_NAMES: tuple[str, ...] = (INIT, *(phase.value for phase in Phase))
"""Every name that a handler can be registered under, as decorators, markers and configuration spell them."""


def phase_named(name: str | Phase) -> Phase:
    """Return the phase of this name.

    Args:
        name: a Phase, or its name in any letter case, such as "authen" or "AUTHEN".

    Returns:
        The member.

    Raises:
        KeyError: no phase has that name.
    """
    return name if isinstance(name, Phase) else Phase[name.upper()]
