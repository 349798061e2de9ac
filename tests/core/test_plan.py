"""Plan and tree: which handlers apply to a request and in which order, against the slow and simple way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookchain import OK, Order, Phase, Policy
from hookchain.paths import prefixes
from hookchain.plan import _LONGEST_REMEMBERED, _REMEMBERED_PATHS
from hookchain.testing import make_request
from tests import strategies
from tests.asking import Calls, by_handle, quiet

METHODS = ["GET", "HEAD", "POST"]
HOSTS = ["a.example", "b.example"]


@st.composite
def scopes(draw):
    """Keywords of a scope."""
    scope = {}
    if draw(st.booleans()):
        scope["location"] = draw(strategies.locations())
    elif draw(st.integers(0, 3)) == 0:
        scope["location"] = re.compile(draw(st.sampled_from(["^/a", "b", "/x y\\Z", "admin"])))
    if scope.get("location") and isinstance(scope["location"], str) and draw(st.integers(0, 3)) == 0:
        scope["exact"] = True
    if draw(st.integers(0, 3)) == 0:
        scope["methods"] = draw(st.sampled_from(METHODS))
    if draw(st.integers(0, 3)) == 0:
        scope["hosts"] = draw(st.sampled_from(HOSTS))
    if draw(st.integers(0, 5)) == 0:
        holds = draw(st.booleans())
        scope["when"] = lambda req, holds=holds: holds
    return scope


@st.composite
def chains(draw, ran):
    """A chain with sections in sections, and handlers of two phases that write down their numbers."""
    hooks = quiet()
    registries = [hooks]
    for number in range(draw(st.integers(0, 7))):
        registry = registries[draw(st.integers(0, len(registries) - 1))]
        if draw(st.booleans()):
            registries.append(registry.section(**draw(scopes())))
        phase = draw(st.sampled_from([Phase.FIXUP, Phase.TYPE]))
        order = draw(st.sampled_from(list(Order)))
        registry.register(phase, ran.handler(str(number)), order=order, name=str(number), **draw(scopes()))
    return hooks


@given(st.data(), strategies.paths(), st.sampled_from(METHODS), st.sampled_from([*HOSTS, "A.example:80", None]))
def test_what_runs_is_what_the_sections_that_cover_a_request_bring_in_the_order_of_the_design(data, path, method, host):
    ran = Calls()
    hooks = data.draw(chains(ran))
    req = make_request("/", method, headers={"Host": host} if host else {})
    req.path = path
    if req.path_error:
        return
    hooks.handle(req).close()

    tree = hooks.plan.tree
    name = None if host is None else host.lower().partition(":")[0]
    covering = [node for node in tree.nodes if simply_covers(node, req, name)]
    expected = []
    for phase in (Phase.TYPE, Phase.FIXUP):
        entries = [entry for entry in tree.entries if entry.kind is phase and entry.node in covering]
        entries.sort(key=lambda entry: rank(entry, innermost_first=phase.policy is Policy.RUN_FIRST))
        expected += [entry.handler.name for entry in entries]
    assert ran == expected


def simply_covers(node, req, host):
    """The scopes of DESIGN 5, looked at one node after the other, from the outside in."""
    if node.parent is not None and not simply_covers(node.parent, req, host):
        return False
    scope = node.scope
    base = "" if node.parent is None or node.parent.prefix == "/" else node.parent.prefix
    below = req.path[len(base) :] or "/"
    if scope.location is not None:
        location = scope.location
        covers = below == location if scope.exact else location == "/" or (below + "/").startswith(location + "/")
        if not covers:
            return False
    if scope.pattern is not None and not scope.pattern.search(below):
        return False
    if scope.methods is not None and req.method not in scope.methods:
        return False
    if scope.hosts is not None and host not in scope.hosts:
        return False
    return scope.when is None or bool(scope.when(req))


def rank(entry, *, innermost_first):
    """First the declared rank, then the place of the section, then registration order."""
    lineage = entry.node.lineage()
    is_pattern = any(node.scope.pattern is not None for node in lineage)
    segments = len([part for part in entry.node.prefix.split("/") if part])
    place = (is_pattern, segments, entry.node.index)
    if innermost_first:
        place = tuple(-part for part in place)
    return (entry.declaration.order, place, entry.sequence)


def covers(node, path, method, host):
    return node.prefix in prefixes(path) and node.covers(path, method, host)


@given(st.data(), strategies.paths(), st.sampled_from(METHODS), st.sampled_from([*HOSTS, None]))
def test_the_index_of_locations_finds_exactly_what_looking_at_every_section_finds(data, path, method, host):
    hooks = data.draw(chains(Calls()))
    plan = hooks.plan
    req = make_request()
    req.path = path
    found = plan.find(req.path, method, host).nodes
    assert set(found) == {node for node in plan.tree.nodes if covers(node, req.path, method, host)}
    assert list(found) == sorted(found, key=lambda node: node.key)
    assert plan.find(req.path, method, host) is plan.find(req.path, method, host)


@pytest.mark.parametrize(
    ("limits", "covered", "left_out"),
    [
        ({"methods": "POST"}, ("/a/b", "POST", None), ("/a/b", "GET", None)),
        ({"hosts": "one.example"}, ("/a/b", "GET", "one.example"), ("/a/b", "GET", "two.example")),
        ({"location": re.compile("/b$")}, ("/a/b", "GET", None), ("/a/c", "GET", None)),
        ({"location": "/", "exact": True}, ("/a/", "GET", None), ("/a/c", "GET", None)),
        ({"location": "/b", "exact": True}, ("/a/b", "GET", None), ("/a/b/c", "GET", None)),
    ],
)
def test_what_applied_to_one_request_is_not_taken_for_what_applies_to_another_below_the_same_prefix(
    limits, covered, left_out
):
    hooks = quiet()
    hooks.section("/a").section(**limits).section("/x")
    inner = hooks.plan.tree.nodes[2]
    for _ in range(2):
        assert inner in hooks.plan.find(*covered).nodes
        assert inner not in hooks.plan.find(*left_out).nodes


def test_what_is_no_path_is_covered_by_what_covers_everything_alone():
    hooks = quiet()
    hooks.section(re.compile(r"\*"))
    hooks.section("/a")
    hooks.section("/", exact=True)
    chain, pattern, *_ = hooks.plan.tree.nodes
    assert hooks.plan.find("*", "OPTIONS", None).nodes == (chain, pattern)
    assert hooks.plan.find("no/a", "GET", None).nodes == (chain,)
    assert hooks.plan.find("//a", "GET", None).nodes == (chain,)


def test_the_longest_prefix_of_a_path_says_what_applies_where_no_section_asks_for_more():
    hooks = quiet()
    hooks.section("/", exact=True)
    hooks.section("/a").section("/b")
    find = hooks.plan.find
    assert find("/a/b/c", "GET", None) is find("/a/b", "POST", "one.example") is not find("/a", "GET", None)
    assert find("/a/b.html", "GET", None) is find("/a/", "GET", None)


@pytest.mark.parametrize(
    ("phase", "order"),
    [("fixup", ["chain", "outer", "inner", "pattern"]), ("type", ["pattern", "inner", "outer", "chain"])],
)
def test_outermost_first_in_run_all_phases_and_innermost_first_in_run_first_phases(ask, phase, order):
    ran = Calls()
    hooks = quiet()
    hooks.section(re.compile("/a")).register(phase, ran.handler("pattern"))
    hooks.section("/a/b").register(phase, ran.handler("inner"))
    hooks.section("/a").register(phase, ran.handler("outer"))
    hooks.register(phase, ran.handler("chain"))
    ask(hooks, "/a/b/c")
    assert ran == order


def test_among_sections_of_equal_depth_the_later_declared_is_the_inner_one(ask):
    ran = Calls()
    hooks = quiet()
    for number in range(3):
        hooks.section("/a").content(ran.handler(str(number)))
    ask(hooks, "/a")
    assert ran == ["2", "1", "0"]


def test_the_declared_rank_goes_before_the_section(ask):
    ran = Calls()
    hooks = quiet()
    section = hooks.section("/a")
    for registry, place in ((hooks, "chain"), (section, "section")):
        for order in reversed(Order):
            registry.fixup(ran.handler(f"{order.name} {place}"), order=order)
    ask(hooks, "/a")
    assert ran == [f"{order.name} {place}" for order in Order for place in ("chain", "section")]


def test_before_and_after_are_honoured_above_rank_and_pull_forward_what_is_needed(ask):
    ran = Calls()
    hooks = quiet()
    handlers = {name: ran.handler(name) for name in "abcde"}
    for name in "abcd":
        hooks.fixup(handlers[name], name=name, **({"after": "e"} if name == "a" else {}))
    hooks.fixup(handlers["e"], name="e", order=Order.REALLY_LAST)
    ask(hooks)
    assert ran == ["e", "a", "b", "c", "d"]


def test_before_names_handlers_that_come_later_and_requires_such_that_come_earlier(ask):
    ran = Calls()
    hooks = quiet()
    first, second, third = (ran.handler(name) for name in ("first", "second", "third"))
    hooks.fixup(third, requires=second)
    hooks.fixup(second, after=[first])
    hooks.fixup(first, before=(second, third))
    ask(hooks)
    assert ran == ["first", "second", "third"]


def test_an_order_counts_where_both_handlers_are_present_alone(ask):
    ran = Calls()
    hooks = quiet()
    a, b = ran.handler("a"), ran.handler("b")
    hooks.fixup(a, after=b)
    hooks.fixup("/in")(b)
    ask(hooks, "/out")
    assert ran == ["a"]
    ask(hooks, "/in")
    assert ran == ["a", "b", "a"]


def test_an_order_between_phases_is_the_order_of_the_phases(ask):
    ran = Calls()
    hooks = quiet()
    hooks.access(ran.handler("access"), name="access")
    hooks.fixup(ran.handler("fixup"), requires="access")
    ask(hooks)
    assert ran == ["access", "fixup"]


def test_handlers_that_share_a_name_are_all_meant_by_it(ask):
    ran = Calls()
    hooks = quiet()
    hooks.fixup(ran.handler("last"), after="shared")
    hooks.fixup(ran.handler("one"), name="shared")
    hooks.fixup(ran.handler("two"), name="shared")
    ask(hooks)
    assert ran == ["one", "two", "last"]


def test_a_plan_remembers_no_more_paths_than_it_may():
    hooks = quiet()
    hooks.access("/a")(lambda req: None)
    plan = hooks.plan
    for number in range(_REMEMBERED_PATHS + 1):
        req = make_request()
        req.path = f"/{number}"
        plan.select(req)
    assert len(plan.known) == 1
    req = make_request()
    req.path = "/" + "x" * _LONGEST_REMEMBERED
    plan.select(req)
    assert len(plan.known) == 1


def test_filters_of_sections_apply_outermost_first(ask):
    ran: list[str] = []
    hooks = quiet()
    hooks.section("/a").output_filter(lambda req, response: ran.append("inner"))
    hooks.output_filter(lambda req, response: ran.append("outer"))
    ask(hooks, "/a")
    assert ran == ["outer", "inner"]


def test_what_is_guarded_under_one_path_agrees_with_what_is_guarded_the_same():
    hooks = quiet(closed=True)
    hooks.section("/in").authen(lambda req: setattr(req, "user", "ann") or OK)
    hooks.section("/in/deeper").authz(lambda req: OK)
    hooks.section("/public", public=True)
    seen = []

    def look(req):
        seen.append([hooks.guards_agree(req, path) for path in ("/in", "/in/x", "/in/deeper", "/public", "/nowhere")])

    hooks.content(look)
    by_handle(hooks, "/in/a")
    by_handle(hooks, "/public")
    assert seen == [[True, True, False, True, False], [False, False, False, True, False]]
