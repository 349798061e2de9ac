"""Straight through or step by step: whichever way a request is taken, the same handlers run and the same comes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from hookchain import DECLINED, DONE, OK, HookChain, InternalRedirect, Order, Phase
from tests.asking import WAYS, quiet


def raising(error: Any) -> Callable[[Any], Any]:
    def act(_: Any) -> Any:
        raise error

    return act


def streamed(_: Any) -> Response:
    return Response(iter([b"one ", b"two"]))


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "none": lambda _: None,
    "declined": lambda _: DECLINED,
    "ok": lambda _: OK,
    "done": lambda _: DONE,
    "403": lambda _: 403,
    "404": lambda _: 404,
    "204": lambda _: 204,
    "302": lambda _: redirect("/elsewhere?a=b"),
    "raised 401": raising(Unauthorized()),
    "raised 403": raising(Forbidden("not you")),
    "failed": raising(LookupError("a fault")),
    "text": lambda _: "text",
    "bytes": lambda _: b"bytes",
    "tuple": lambda _: ("text", 201, {"X-Own": "tuple"}),
    "dict": lambda _: {"a": 1},
    "response": lambda _: Response("<p>response", 203, {"X-Own": "response"}, mimetype="text/html"),
    "unauthorized": lambda _: Response("who are you?", 401),
    "no content": lambda _: Response(status=204),
    "streamed": streamed,
    "internal redirect": lambda _: InternalRedirect("/other"),
    "rubbish": lambda _: 3.5,
}
SETTLING = tuple(ANSWERS)
EARLY = ("none", "none", "none", "declined", "ok", "ok", "403", "raised 401", "failed", "unauthorized", "done")


def _rewrite(req: Any) -> None:
    if req.phase in {Phase.POST_READ_REQUEST, Phase.TRANS} and req.prev is None:
        req.path = "/rewritten"


def _rename(req: Any) -> None:
    if req.phase in {Phase.POST_READ_REQUEST, Phase.TRANS}:
        req.method = "BREW"


DEEDS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _: None,
    "user": lambda req: setattr(req, "user", "ada"),
    "status": lambda req: setattr(req, "status", 202),
    "type": lambda req: setattr(req, "content_type_out", "text/x-own"),
    "encoding": lambda req: setattr(req, "content_encoding_out", "x-own"),
    "headers": lambda req: req.headers_out.add("X-Out", str(req.phase)),
    "err headers": lambda req: req.err_headers_out.add("X-Err", str(req.phase)),
    "cookie": lambda req: req.headers_out.add("Set-Cookie", "a=b"),
    "rewrite": _rewrite,
    "rename": _rename,
    "add log": lambda req: req.add_handler("log", lambda req: req.notes.setdefault("seen", []).append("added")),
    "add later": lambda req: req.add_handler(req.phase, lambda req: req.notes.setdefault("seen", []).append("more")),
    "clean up": lambda req: req.register_cleanup(req.notes.setdefault("seen", []).append, "cleaned up"),
    "read": lambda req: req.notes.setdefault("seen", []).append(req.stream.read(4)),
}


@dataclasses.dataclass(frozen=True)
class Told:
    """A handler that somebody might have written."""

    phase: Phase
    deed: str
    answer: str
    section: str | None
    kind: str

    def registered(self, registry: Any, seen: list[Any], number: int, *, may_wait: bool) -> None:
        """Register it: off or on the event loop, as a coroutine function, or under a condition."""
        handler = self.handler(seen, number)
        options: dict[str, Any] = {"name": f"handler {number}", "blocking": self.kind != "on loop"}
        if self.kind == "async" and may_wait:

            async def waiting(req: Any) -> Any:
                return handler(req)

            registry.register(self.phase, waiting, **options)
        elif self.kind == "when":
            registry.section("/", when=lambda _: True).register(self.phase, handler, **options)
        else:
            registry.register(self.phase, handler, **options)

    def handler(self, seen: list[Any], number: int) -> Callable[[Any], Any]:
        def act(req: Any) -> Any:
            seen.append((number, req.phase, req.path, req.user, req.status, req.decided_by))
            DEEDS[self.deed](req)
            return ANSWERS[self.answer](req)

        return act


def told(phases: Any, answers: Any) -> Any:
    deeds, sections = st.sampled_from(tuple(DEEDS)), st.sampled_from([None, "/", "/rewritten"])
    kinds = st.sampled_from(["plain", "plain", "plain", "on loop", "when", "async"])
    return st.builds(Told, phases, deeds, st.sampled_from(answers), sections, kinds)


CHAINS = st.tuples(
    st.lists(told(st.sampled_from([phase for phase in Phase if phase is not Phase.CONTENT]), EARLY), max_size=5),
    st.lists(told(st.just(Phase.CONTENT), SETTLING), max_size=2),
    st.fixed_dictionaries(
        {},
        optional={
            "satisfy": st.sampled_from(["all", "any"]),
            "authentication": st.sampled_from(["required", "optional"]),
            "authorization": st.sampled_from(["any", "all"]),
            "challenge": st.just("Own"),
            "closed": st.booleans(),
        },
    ),
    st.sampled_from(["none", "header", "replace", "new body", "fail"]),
    st.sampled_from(["none", "404", "all", "403"]),
    st.booleans(),
)


def _filter(kind: str) -> Callable[[Any, Response], Any]:
    def change(_: Any, response: Response) -> Any:
        match kind:
            case "header":
                response.headers["X-Filter"] = "1"
            case "replace":
                return Response("replaced", 207)
            case "new body":
                response.response = [b"new"]
            case _:
                raise LookupError("a fault of the filter")
        return None

    return change


def made(described: Any, seen: list[Any], *, may_wait: bool) -> HookChain:
    handlers, contents, options, output, documents, blocking = described
    hooks = quiet(**options)
    sections: dict[str | None, Any] = {None: hooks, "/": hooks.section("/"), "/rewritten": hooks.section("/rewritten")}
    for number, one in enumerate([*handlers, *contents]):
        one.registered(sections[one.section], seen, number, may_wait=may_wait)
    hooks.section("/other").register(Phase.CONTENT, lambda _: "the other", name="other", blocking=blocking)
    if output != "none":
        hooks.output_filter(_filter(output))
    if documents == "404":
        hooks.error_document(404, lambda _: "not here")
    elif documents == "all":
        hooks.error_document(lambda req: ("sorry", {"X-Status": str(req.error_status)}))
    elif documents == "403":
        hooks.error_document(403, lambda _: None)
    hooks.register(Phase.LOG, lambda req: seen.append(outcome(req)), order=Order.REALLY_LAST, blocking=blocking)
    return hooks


def outcome(req: Any) -> tuple[Any, ...]:
    headers = None if req.response is None else sorted(req.response.headers.to_wsgi_list())
    return (
        "end",
        req.method,
        req.path,
        req.status,
        req.decided_by,
        req.user,
        req.phase,
        req.bytes_sent,
        req.aborted,
        repr(req.exception),
        req.guard_passed,
        req.authen_ran,
        headers,
        req.duration > 0,
    )


def asked(way: str, described: Any, *, method: str, data: bytes | None, step_by_step: bool) -> Any:
    seen: list[Any] = []
    hooks = made(described, seen, may_wait=way != "handle")
    hooks.keeps_trace = step_by_step
    options = {} if data is None else {"data": data}
    answer = WAYS[way](hooks, "/there", method, **options)
    notes = answer.req.notes.get("seen")
    return answer.status, sorted(answer.headers.to_wsgi_list()), answer.body, notes, seen


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("method", "data"), [("GET", None), ("HEAD", None), ("POST", b"some body")])
@settings(max_examples=60, deadline=None)
@given(described=CHAINS)
def test_it_makes_no_difference_whether_a_request_goes_straight_through(way, method, data, described):
    straight = asked(way, described, method=method, data=data, step_by_step=False)
    assert straight == asked(way, described, method=method, data=data, step_by_step=True)
