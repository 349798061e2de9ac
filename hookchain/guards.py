"""ACCESS, AUTHEN and AUTHZ: who is let through. When in doubt, the request does not pass.

Source: httpd ``ap_process_request_internal`` (server/request.c), with the answers of mod_auth_basic and mod_authz_core
where nobody decided.
"""

from __future__ import annotations

import itertools
from http import HTTPStatus

from .dispatch import (
    CONDITION,
    Steps,
    announced,
    asked,
    call_run,
    call_segments,
    choose,
    conclude,
    condition_error,
    has_handlers,
    note_left_out,
    outcome_of_exception,
)
from .error_log import log_refusal
from .phases import Phase
from .plan import Guard
from .request import Request
from .results import OK, Outcome, Raised
from .runs import Run

NO_USER = "hookchain.guards.authen"
NOT_AUTHORIZED = "hookchain.guards.authz"
NOT_GUARDED = "hookchain.guards.closed"


def guards(req: Request) -> Steps[Outcome | None]:
    """Run ACCESS, and where the request is guarded AUTHEN and AUTHZ.

    Returns:
        None where the request may pass, else what refused it.
    """
    guard = yield from choose(req, req.selection.guard)
    if isinstance(guard, Raised):
        return conclude(req, Phase.ACCESS, (CONDITION, Raised(condition_error(guard.error))))
    if (yield from _passed_before(req)):
        return None
    access = yield from asked(req, Phase.ACCESS)
    settled = yield from call_run(req, access)
    refusal = None if settled is None else conclude(req, Phase.ACCESS, settled)
    if guard.satisfy == "any":
        if refusal is None and has_handlers(req, access) and not _is_shut(guard):
            req.guard_passed = True
            return None
        if req.exception is not None:
            return refusal  # an exception is never outvoted
    elif refusal is not None:
        return refusal
    outcome = yield from _user(req, guard, refusal)
    req.guard_passed = outcome is None
    return outcome


def _is_shut(guard: Guard) -> bool:
    return guard.closed and not guard.public and not guard.guarded


def _passed_before(req: Request) -> Steps[bool]:
    # Exactly the same sections applied to the record that this one comes from; then its user is kept. A subrequest is
    # asked what a path would pass, so there the record itself must have passed.
    origin = req.prev or req.main
    if origin is None or not req.may_skip_guards or (origin is req.main and not origin.guard_passed):
        return False
    before = yield from choose(origin, origin.selection.sections)
    now = yield from choose(req, req.selection.sections)
    if isinstance(now, Raised) or now != before:
        return False
    req.user, req.auth_type, req.authen_ran = origin.user, origin.auth_type, origin.authen_ran
    req.guard_passed = origin.guard_passed
    for phase in (Phase.ACCESS, Phase.AUTHEN, Phase.AUTHZ):
        note_left_out(req, phase, "the same sections applied before")
    return True


def _user(req: Request, guard: Guard, refusal: Outcome | None) -> Steps[Outcome | None]:
    authen = yield from asked(req, Phase.AUTHEN)
    authz = yield from asked(req, Phase.AUTHZ)
    if not (guard.guarded or has_handlers(req, authen) or has_handlers(req, authz)):
        if refusal is None and _is_shut(guard):
            return _refuse(req, NOT_GUARDED, HTTPStatus.FORBIDDEN, "the chain is closed and nothing guards this path")
        return refusal
    if refusal is not None:
        req.decided_by = None
    outcome = yield from _authen(req, guard, authen)
    if outcome is not None:
        return outcome
    authz = yield from asked(req, Phase.AUTHZ)  # conditions may ask for the user
    if guard.authorization == "all" and isinstance(authz, Run):
        return (yield from announced(req, Phase.AUTHZ, _authz_all(req, authz)))
    return (yield from _authz_any(req, authz))


def _authen(req: Request, guard: Guard, run: Run | Raised) -> Steps[Outcome | None]:
    req.authen_ran = True
    settled = yield from call_run(req, run)
    if settled is None:
        if req.user is not None or guard.authentication == "optional":
            return None
        req.decided_by = NO_USER
        return HTTPStatus.UNAUTHORIZED
    handler, answer = settled
    if answer is not OK:
        return conclude(req, Phase.AUTHEN, settled)
    if req.user is None:
        req.decided_by = handler.name
        error = handler.error("answered OK without setting req.user; set it, or answer DECLINED where it knows no user")
        return outcome_of_exception(req, f"{handler.name} ({handler.origin})", error)
    return None


def _authz_any(req: Request, run: Run | Raised) -> Steps[Outcome | None]:
    settled = yield from call_run(req, run)
    if settled is None:
        if not has_handlers(req, run):
            return None
        req.decided_by = NOT_AUTHORIZED
        return HTTPStatus.FORBIDDEN
    return None if settled[1] is OK else conclude(req, Phase.AUTHZ, settled)


def _authz_all(req: Request, run: Run) -> Steps[Outcome | None]:
    added = req.added_handlers.setdefault(Phase.AUTHZ, [])
    for handler in itertools.chain(run.handlers, added):  # a handler may add more
        settled = yield from call_segments(req, Run(Phase.AUTHZ, (handler,)))
        if settled is None:
            req.decided_by = handler.name
            return HTTPStatus.FORBIDDEN
        if settled[1] is not OK:
            return conclude(req, Phase.AUTHZ, settled)
    return None


def _refuse(req: Request, who: str, status: HTTPStatus, reason: str) -> HTTPStatus:
    req.decided_by = who
    log_refusal(req, reason)
    return status
