"""Random chains and routes for the audit: specifications as plain data, and what is built of them."""

from __future__ import annotations

import itertools
import random
import re
from typing import Any

from hypothesis import strategies as st

from hookchain import OK, CompileError, HookChain, Response
from tests.asking import quiet

SEGMENTS = ["a", "b", "ab", "x y"]
METHODS = ["GET", "POST", "PUT"]
HOSTS = ["one.example", "two.example"]
PATTERNS = [r"^/a", r"b\Z", r"^/(a|b)/[^/]+\Z", r"\d", r"^/a/\d+$", r"/(?=b)", r"(?i)^/A"]
VALUES = {"": ["a", "b", "7", "x y", "q"], "int:": ["7"], "path:": ["a", "a/b", "b/7", "ab/q", "q", "7/b/a"]}


def flag_0(req):
    return "0" in req.headers.get("X-Flags", "")


def flag_1(req):
    return "1" in req.headers.get("X-Flags", "")


FLAGS = {"flag_0": flag_0, "flag_1": flag_1}


def some_text(parts: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    return st.lists(parts, max_size=most).map(lambda found: "/" + "/".join(found))


def scopes(*, endpoints: bool) -> st.SearchStrategy[dict[str, Any]]:
    location = some_text(st.sampled_from(SEGMENTS), 2)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "methods": st.lists(st.sampled_from(METHODS), min_size=1, max_size=2, unique=True),
        "hosts": st.sampled_from(HOSTS),
        "when": st.sampled_from(sorted(FLAGS)),
    }
    if endpoints:
        optional["endpoint"] = st.sampled_from(["r0", "r1", "r*", "none"])
    rest = st.fixed_dictionaries({}, optional={name: _seldom(value) for name, value in optional.items()})
    where = st.one_of(
        st.just({}),
        st.builds(lambda text: {"location": text}, location),
        st.builds(lambda text: {"location": text, "exact": True}, location),
        st.builds(lambda text: {"location": text}, st.sampled_from(PATTERNS).map(lambda text: f"~{text}")),
    )
    return st.builds(lambda one, other: {**one, **other}, where, rest)


def _seldom(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.none(), st.none(), values)


def chains(*, endpoints: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Chains as plain data: handlers and options in sections, one level of them nested."""
    handlers = st.lists(
        st.tuples(st.sampled_from(["authen", "authen", "access", "authz", "content"]), scopes(endpoints=endpoints)),
        max_size=2,
    )
    options = st.fixed_dictionaries(
        {},
        optional={
            "public": _seldom(st.just(value=True)),
            "authentication": st.sampled_from(["required", "optional"]),
            "satisfy": st.sampled_from(["all", "any"]),
            "authorization": st.just("all"),
            "without": _seldom(st.sampled_from(["h0", "h1", "h2"])),
        },
    )
    inner = st.tuples(scopes(endpoints=endpoints), options, handlers, st.just([]))
    section = st.tuples(scopes(endpoints=endpoints), options, handlers, st.lists(inner, max_size=1))
    return st.fixed_dictionaries(
        {"closed": st.booleans(), "handlers": handlers, "sections": st.lists(section, max_size=4)}
    )


def routes(converters: list[str]) -> st.SearchStrategy[list[Any]]:
    """Routes as plain data: pieces of the path, and methods."""
    piece = st.one_of(st.sampled_from(SEGMENTS[:2]), st.sampled_from(converters).map(lambda name: f"<{name}>"))
    path = st.lists(piece, max_size=3)
    methods = st.lists(st.sampled_from(METHODS), min_size=1, max_size=2, unique=True)
    return st.lists(st.tuples(path, methods, st.booleans()), min_size=1, max_size=3)


def _kwargs(scope: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in scope.items() if value is not None}
    if given.get("location", "").startswith("~"):
        given["location"] = re.compile(given["location"][1:])
    if "when" in given:
        given["when"] = FLAGS[given["when"]]
    return given


def _handler(phase: str, name: str) -> Any:
    """A handler that lets everybody through whom it may let through, to find what only a user keeps out."""
    if phase == "content":
        return lambda req: Response(name, headers={"X-Route": name})
    if phase == "authen":

        def authen(req):
            req.user = req.headers.get("X-User")
            return OK if req.user else None

        return authen
    return lambda req: OK


def build(spec: dict[str, Any]) -> HookChain | None:
    """Build a chain; None where the parts do not go together."""
    chain = quiet(closed=spec["closed"])
    count = 0

    def fill(registry: Any, handlers: Any, sections: Any) -> None:
        nonlocal count
        for phase, scope in handlers:
            name = f"c{count}" if phase == "content" else f"h{count}"
            registry.register(phase, _handler(phase, name), **_kwargs(scope), name=name)
            count += 1
        for scope, options, inner, more in sections:
            given = {name: value for name, value in options.items() if value is not None}
            fill(registry.section(**_kwargs(scope), **given), inner, more)

    fill(chain, spec["handlers"], spec["sections"])
    try:
        chain.compile()
    except CompileError:
        return None
    return chain


def requests(paths: list[list[str]], amount: int, seed: int) -> list[tuple[str, str, str, str]]:
    """Some of all requests that there can be to routes: path, method, host and flags."""
    texts: list[str] = []
    for pieces in paths:
        values = [VALUES[piece[1:-1]] if piece.startswith("<") else [piece] for piece in pieces]
        texts += ["/" + "/".join(chosen) for chosen in itertools.product(*values)]
    everything = list(itertools.product(texts, [*METHODS, "HEAD", "PATCH"], [*HOSTS, "other"], ["", "0", "1", "01"]))
    return random.Random(seed).sample(everything, min(amount, len(everything)))  # noqa: S311 - which ones does not matter


def example_of(case: Any) -> tuple[str, str, str, str] | None:
    """The request that a case gives as its example; None where it depends on what the audit can't decide."""
    if any("when=" not in condition for condition in case.conditions):
        return None
    flags = "".join(name[-1] for name in FLAGS if f"when={name}" in case.conditions)
    method = "PATCH" if case.methods[0] == "*" else case.methods[0]
    host = case.hosts[0] if case.hosts and "*" not in case.hosts else "other"
    return case.path, method, host, flags


def check_verdicts(found: Any, ask: Any, sent: Any, is_routed: Any = lambda _route, _request: True) -> None:
    """Hold an audit to what requests without a user experience.

    Args:
        found: the audit.
        ask: sends a request, and returns the name of the route that answered, or None.
        sent: requests of all kinds.
        is_routed: whether a request leads to a route.
    """
    routes: dict[str, list[Any]] = {}
    for route in found.routes:
        routes.setdefault(route.name, []).append(route)
    for request in sent:
        name = ask(*request)
        if name is not None:
            assert any(_lets_through(route, request) for route in routes[name]), (request, name, found)
    for route in found.routes:
        for case in route.cases:
            request = example_of(case)
            if request is None or not is_routed(route, request):
                continue
            lets_through = case.state in {"unguarded", "partial", "public"}
            assert (ask(*request) is not None) == lets_through, (request, case, found)


def _lets_through(route: Any, request: tuple[str, str, str, str]) -> bool:
    _, method, host, _ = request
    return any(
        case.state in {"unguarded", "partial", "public"}
        and (method in case.methods or "*" in case.methods)
        and (not case.hosts or host in case.hosts or "*" in case.hosts)
        for case in route.cases
    )
