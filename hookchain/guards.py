"""ACCESS, AUTHEN and AUTHZ: who is let through. When in doubt, the request does not pass.

Source: httpd ``ap_process_request_internal`` (server/request.c), with the answers of mod_auth_basic and mod_authz_core
where nobody decided.
"""

from __future__ import annotations

import itertools
from http import HTTPStatus
from typing import Any, NamedTuple

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
from .handlers import Handler
from .phases import GUARDS, Phase
from .plan import USER_PHASES, Guard
from .request import Request
from .results import OK, Outcome, Raised
from .runs import Run

NO_USER = "hookchain.guards.authen"
NOT_AUTHORIZED = "hookchain.guards.authz"
NOT_GUARDED = "hookchain.guards.closed"
_BAD_PATH = "hookchain.paths.normalise"


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
    called = _called_by_stretch(req)
    outcome = yield from (_user(req, guard, None) if called in USER_PHASES else _access_and_user(req, guard))
    req.guard_passed = outcome is None
    return outcome


def _called_by_stretch(req: Request) -> Phase | None:
    """Return the phase whose handlers a stretch has called, and left open what follows from their answers."""
    return None if req.called_already is None else req.called_already[0]


def _access_and_user(req: Request, guard: Guard) -> Steps[Outcome | None]:
    access = yield from asked(req, Phase.ACCESS)
    settled = yield from call_run(req, access)
    refusal = None if settled is None else conclude(req, Phase.ACCESS, settled)
    if guard.satisfy == "any":
        if refusal is None and has_handlers(req, access) and not _is_shut(guard):
            return None
        if req.exception is not None:
            return refusal  # an exception is never outvoted
    elif refusal is not None:
        return refusal
    return (yield from _user(req, guard, refusal))


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
    req.take_user_of(origin)
    req.authen_ran, req.guard_passed = origin.authen_ran, origin.guard_passed
    for phase in GUARDS:
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
    outcome = None if _called_by_stretch(req) is Phase.AUTHZ else (yield from _authen(req, guard, authen))
    if outcome is not None:
        return outcome
    authz = yield from asked(req, Phase.AUTHZ)  # conditions may ask for the user
    if guard.authorization == "all" and isinstance(authz, Run):
        return (yield from announced(req, Phase.AUTHZ, _authz_all(req, authz)))
    return (yield from _authz_any(req, authz))


def _authen(req: Request, guard: Guard, run: Run | Raised) -> Steps[Outcome | None]:
    req.authen_ran = True
    settled = yield from call_run(req, run)
    if settled is None or settled[1] is OK:
        refusal = yield from _find_user(req)
        if refusal is not None:
            return refusal
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


def _find_user(req: Request) -> Steps[Outcome | None]:
    step = req.pending_user
    if step is None:
        return None
    answer = yield step, (req,)
    return outcome_of_exception(req, "finding the user", answer.error) if isinstance(answer, Raised) else None


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


def guard_again(req: Request, path: str, endpoint: Any) -> Steps[Outcome | None]:
    """Run the guards that did not run, now that the request turns out to lead to another route.

    Args:
        req: a request that has passed its guards.
        path: the path that was routed; what stands between the chain and the route may have changed it.
        endpoint: the route's name.

    Returns:
        None where the request may pass, else what refused it; ``late_refusal`` is set then.
    """
    before = yield from _guarding(req)
    req.move_to(path)
    req.endpoint = endpoint
    if req.path_error is not None:
        refusal: Outcome | None = _refuse(req, _BAD_PATH, HTTPStatus.BAD_REQUEST, str(req.path_error))
    else:
        now = yield from _guarding(req)
        refusal = None if now == before else (yield from _guards_of_route(req, before, now))
    if refusal is not None:
        req.refuse_late(req.decided_by, refusal)
    return refusal


class _Guarding(NamedTuple):
    guard: Guard
    handlers: tuple[tuple[Handler, ...], ...]

    def without(self, others: _Guarding) -> tuple[Run, Run, Run]:
        access, authen, authz = (
            Run(phase, [handler for handler in handlers if handler not in ran])
            for phase, handlers, ran in zip(GUARDS, self.handlers, others.handlers, strict=True)
        )
        return access, authen, authz


def _guarding(req: Request) -> Steps[_Guarding | None]:
    guard = yield from choose(req, req.selection.guard)
    runs: list[tuple[Handler, ...]] = []
    for phase in GUARDS:
        run = yield from asked(req, phase)
        if isinstance(run, Run):
            runs.append(run.handlers)
    if isinstance(guard, Raised) or len(runs) < len(GUARDS):
        return None  # a condition raised
    return _Guarding(guard, tuple(runs))


def _guards_of_route(req: Request, before: _Guarding | None, now: _Guarding | None) -> Steps[Outcome | None]:
    if before is None or now is None or now.guard.satisfy == "any":
        # What has run can't be told apart, or would have to be weighed against the rest anew.
        req.may_skip_guards = False
        return (yield from guards(req))
    for phase in GUARDS:
        req.added_handlers.pop(phase, None)  # they have run
    access, authen, authz = now.without(before)
    settled = yield from call_run(req, access)
    if settled is not None:
        return conclude(req, Phase.ACCESS, settled)
    if now.guard.guarded:
        outcome = yield from _authen(req, now.guard, authen)
        return outcome if outcome is not None or not authz else (yield from _authz_of_route(req, authz, before, now))
    if _is_shut(now.guard):
        return _refuse(req, NOT_GUARDED, HTTPStatus.FORBIDDEN, "the chain is closed and nothing guards this route")
    return None


def _authz_of_route(req: Request, authz: Run, before: _Guarding, now: _Guarding) -> Steps[Outcome | None]:
    if now.guard.authorization == "all":
        return (yield from announced(req, Phase.AUTHZ, _authz_all(req, authz)))
    outcome = yield from _authz_any(req, authz)
    said_ok_before = set(before.handlers[2]) & set(now.handlers[2])
    # One of those has said OK, and would have been asked after these.
    return None if req.decided_by == NOT_AUTHORIZED and said_ok_before else outcome
