"""What is wrong with a chain is found when it is compiled: all of it at once, with places and remedies."""

from __future__ import annotations

import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookchain import AccessLog, CompileError, HookChain, Phase
from hookchain.checks import PROBLEM_CODES, WARNING_CODES
from tests.asking import quiet

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "problems.md"
HERE = __name__


def first(req): ...


def second(req): ...


def third(req): ...


def guard(req): ...


def filter_it(req, response):
    return response


def place(function):
    return f"{__file__}:{inspect.getsourcelines(function)[1]}"


def here(offset=0):
    return f"{__file__}:{inspect.stack()[1].lineno + offset}"


def problems(chain, *codes):
    found = chain.problems()
    assert [problem.code for problem in found] == list(codes)
    if codes:
        with pytest.raises(CompileError) as caught:
            chain.compile()
        assert caught.value.problems == tuple(found)
    else:
        chain.compile()
    return found


def advice(chain, *codes):
    problems(chain)
    found = chain.advice()
    assert [problem.code for problem in found] == list(codes)
    return found


# --- all together


def test_a_chain_without_problems_has_none():
    chain = quiet()
    chain.access("/a", before="b")(first)
    chain.register("access", second, name="b")
    chain.register("authen", guard)
    chain.section("/b", without=guard).access(third)
    problems(chain)
    assert chain.advice() == []


def test_all_problems_are_reported_at_once_with_their_places_and_remedies(tmp_path):
    chain = quiet(document_root=tmp_path / "missing")
    chain.register("access", first, requires="nobody")
    section = chain.section("/open", public=True, without="nothing")
    line = here(-1)
    section.authen(guard)
    found = problems(chain, "requires-unmet", "public-guarded", "without-unknown", "document-root-missing")
    with pytest.raises(CompileError) as caught:
        chain.compile()
    message = str(caught.value)
    assert message.startswith("the chain has 4 problems:\n")
    for problem in found:
        assert f"[{problem.code}] {problem.message}" in message
        assert problem.remedy.endswith(".")
        assert problem.places
    assert [problem.places for problem in found] == [(place(first),), (place(guard), line), (line,), (chain.origin,)]
    assert all(f"    at {where}\n" in message for problem in found for where in problem.places)


# --- order


def test_a_circle_is_drawn_in_the_order_of_calling_with_what_makes_it():
    chain = quiet()
    chain.register("access", first, before=second)
    chain.register("access", second, before=f"{HERE}.third")
    chain.register("access", third, before=[first])
    (problem,) = problems(chain, "order-cycle")
    assert problem.message.startswith("ACCESS: ")
    drawn = problem.message.rpartition(": ")[2].split(" -> ")
    assert drawn[0] == drawn[-1]
    called = [f"{HERE}.{name}" for name in ("first", "second", "third", "first")]
    assert set(pairwise(drawn)) == set(pairwise(called))
    assert set(problem.places) == {place(first), place(second), place(third)}
    assert f"before='{HERE}.third' of {HERE}.second" in problem.remedy


def test_independent_circles_are_reported_each_in_every_phase():
    chain = quiet()
    for phase in ("access", "log"):
        chain.register(phase, first, after=second)
        chain.register(phase, second, after=first)
        chain.register(phase, third, after=guard)
        chain.register(phase, guard, after=third)
    found = problems(chain, *["order-cycle"] * 4)
    assert [problem.message.partition(":")[0] for problem in found] == ["ACCESS", "ACCESS", "LOG", "LOG"]


def test_a_circle_of_filters_is_found():
    chain = quiet()
    chain.output_filter(after="b", name="a")(filter_it)
    chain.output_filter("/x", after="a", name="b")(filter_it)
    (problem,) = problems(chain, "order-cycle")
    assert problem.message.startswith("output_filter: ")


def test_a_handler_before_itself_is_a_circle():
    chain = quiet()
    chain.register("access", first, before=first)
    (problem,) = problems(chain, "order-cycle")
    assert problem.message.endswith(f": {HERE}.first -> {HERE}.first")
    assert problem.remedy == f"Take back one of these: before=first of {HERE}.first."


def test_a_name_shared_with_others_does_not_stand_for_the_handler_itself():
    chain = quiet()
    chain.register("access", first, name="x", before="x")
    chain.register("access", second, name="x")
    problems(chain)


def test_a_requirement_against_the_declared_order_says_so():
    chain = quiet()
    chain.register("access", first, requires=second)
    chain.register("access", second, after=first)
    (problem,) = problems(chain, "requires-order")
    assert f"requires=second of {HERE}.first" in problem.remedy
    assert f"after=first of {HERE}.second" in problem.remedy


def test_a_circle_in_which_a_requirement_changes_nothing_is_one_of_order():
    chain = quiet()
    chain.register("access", first, requires=second, after=second)
    chain.register("access", second, after=first)
    problems(chain, "order-cycle")


def test_a_requirement_of_itself_is_reported_once():
    chain = quiet()
    chain.register("access", first, requires=first)
    problems(chain, "requires-order")


NAMES = "abcdef"


@st.composite
def constraints(draw):
    """Pairs of names, each before the next."""
    return draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=8))


def chain_of(pairs):
    """A chain that declares pairs by the one, the other or both of their handlers; and the pairs it has declared."""
    chain, declared = quiet(), set()
    for name in NAMES:

        def handler(req): ...

        later = [other for one, other in pairs if one == name][::2]
        earlier = [one for one, other in pairs if other == name][::2]
        chain.register("fixup", handler, name=name, before=later, after=earlier)
        declared |= {(name, other) for other in later} | {(other, name) for other in earlier}
    return chain, declared


@given(constraints())
def test_orders_without_a_circle_compile(pairs):
    chain, declared = chain_of([tuple(sorted(pair)) for pair in pairs if pair[0] != pair[1]])
    problems(chain)
    called = [handler.name for handler in chain.plan.find("/", "GET", None).runs[Phase.FIXUP].fixed.handlers]
    assert all(called.index(one) < called.index(other) for one, other in declared)


def reaches(declared, start):
    seen, todo = set(), [start]
    while todo:
        now = todo.pop()
        for one, other in declared:
            if one == now and other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


@given(constraints())
def test_a_circle_is_reported_exactly_where_there_is_one_and_is_a_true_one(pairs):
    chain, declared = chain_of(pairs)
    found = chain.problems()
    assert bool(found) == any(name in reaches(declared, name) for name in NAMES)
    for problem in found:
        drawn = problem.message.rpartition(": ")[2].split(" -> ")
        assert drawn[0] == drawn[-1]
        assert set(pairwise(drawn)) <= declared


# --- requirements


def test_a_requirement_that_is_not_registered_names_the_nearest():
    chain = quiet()
    chain.register("access", first, requires=f"{HERE}.secomd")
    chain.register("access", second)
    (problem,) = problems(chain, "requires-unmet")
    assert f"ACCESS: {HERE}.first requires '{HERE}.secomd', which is not registered" in problem.message
    assert f"(did you mean '{HERE}.second'?)" in problem.message


def test_a_function_that_is_required_but_not_registered_is_named():
    chain = quiet()
    chain.register("access", first, requires=second)
    assert "requires second, which is not registered" in problems(chain, "requires-unmet")[0].message


def test_a_name_that_only_shares_its_module_is_not_taken_for_the_nearest():
    chain = quiet()
    chain.register("access", first, requires=f"{HERE}.qqqqqq")
    assert "did you mean" not in problems(chain, "requires-unmet")[0].message


@pytest.mark.parametrize("phase", ["authen", "log"])
def test_a_requirement_in_a_later_phase_is_unmet(phase):
    chain = quiet()
    chain.register("access", first, requires=second)
    chain.register(phase, second)
    (problem,) = problems(chain, "requires-unmet")
    assert f"which is registered for {phase.upper()}" in problem.message
    assert problem.places == (place(first), place(second))


def test_a_requirement_in_an_earlier_phase_is_met():
    chain = quiet()
    chain.register("fixup", first, requires=second)
    chain.register("access", second)
    problems(chain)


def test_filters_require_filters_of_their_kind():
    chain = quiet()
    chain.output_filter(requires=second)(filter_it)
    chain.register("access", second)
    chain.input_filter(requires="in")(filter_it)
    chain.input_filter(name="in")(lambda req, stream: stream)
    assert "registered for ACCESS" in problems(chain, "requires-unmet")[0].message


def test_one_of_several_handlers_of_a_name_is_enough():
    chain = quiet()
    chain.register("access", first, requires="x")
    chain.register("access", second, name="x", location="/x")
    chain.register("access", third, name="x")
    problems(chain)


SCOPES = [
    # the required one's scope, the other's, whether the first covers the second
    ({}, {}, True),
    ({}, {"location": "/a"}, True),
    ({"location": "/a"}, {"location": "/a/b"}, True),
    ({"location": "/a"}, {"location": "/a"}, True),
    ({"location": "/a"}, {"location": "/ab"}, False),
    ({"location": "/a/b"}, {"location": "/a"}, False),
    ({"location": "/a"}, {}, False),
    ({"location": "/a", "exact": True}, {"location": "/a"}, False),
    ({"location": "/a"}, {"location": "/a/b", "exact": True}, True),
    ({"location": "/a", "exact": True}, {"location": "/a", "exact": True, "methods": "GET"}, True),
    ({"location": "/b"}, {"location": "/a/b", "exact": True}, False),
    ({"location": re.compile("b$")}, {"location": "/a/b", "exact": True}, True),
    ({"location": re.compile("c$")}, {"location": "/a/b", "exact": True}, False),
    ({"location": re.compile("b")}, {"location": re.compile("b")}, True),
    ({"location": re.compile("b")}, {"location": re.compile("bb")}, False),
    ({"location": re.compile("b")}, {"location": "/b"}, False),
    ({"methods": ["GET", "POST"]}, {"methods": "POST", "location": "/a"}, True),
    ({"methods": "GET"}, {"methods": ["GET", "POST"]}, False),
    ({"methods": "GET"}, {}, False),
    ({"hosts": ["a.example", "b.example"]}, {"hosts": "b.example"}, True),
    ({"hosts": "a.example"}, {"hosts": "b.example"}, False),
    ({"directory": "private"}, {"directory": "/private/x"}, True),
    ({"directory": "private/x"}, {"directory": "private"}, False),
    ({"directory": "private"}, {"files": "*.pdf"}, False),
    ({"files": "*.pdf"}, {"files": "*.pdf", "methods": "GET"}, True),
    ({"files": "*.pdf"}, {"files": "*.txt"}, False),
    ({"endpoint": "api.*"}, {"endpoint": "api.*"}, True),
    ({"endpoint": "api.*"}, {}, False),
    ({"when": guard}, {"when": guard}, True),
    ({"when": guard}, {"when": first}, False),
]


@pytest.mark.parametrize(("required", "requiring", "is_met"), SCOPES)
@pytest.mark.parametrize("in_sections", [False, True])
def test_a_requirement_is_met_where_its_scope_covers_the_others(tmp_path, required, requiring, is_met, in_sections):
    chain = quiet(document_root=tmp_path)
    if in_sections:
        chain.section(**required).access(first)
        chain.section(**requiring).register("access", second, requires=first)
    else:
        chain.register("access", first, **required)
        chain.register("access", second, **requiring, requires=first)
    found = problems(chain, *([] if is_met else ["requires-unmet"]))
    assert is_met or "is not called everywhere that" in found[0].message


def test_a_requirement_is_met_in_an_outer_section_and_unmet_in_an_inner_one():
    chain = quiet()
    outer = chain.section("/a", methods="GET")
    inner = outer.section("/b")
    outer.register("access", first, requires=third)
    inner.register("access", second, requires=first)
    inner.access(third)
    (problem,) = problems(chain, "requires-unmet")
    assert "it is registered in /a/b, the other in /a methods=GET,HEAD" in problem.message


def test_a_requirement_that_is_switched_off_where_the_other_is_not_is_unmet():
    chain = quiet()
    chain.register("access", first)
    chain.register("access", second, requires=first)
    chain.section("/a", without=first)
    line = here(-1)
    (problem,) = problems(chain, "requires-unmet")
    assert "/a switches it off by without=" in problem.message
    assert problem.places == (place(second), place(first), line)


def test_a_requirement_that_is_switched_off_together_with_the_other_or_elsewhere_is_met():
    chain = quiet()
    chain.register("access", first)
    chain.register("access", second, requires=first)
    chain.section("/a", without=[first, second])
    chain.register("access", third, "/b", requires=first)
    problems(chain)


def test_a_guard_that_a_public_section_does_not_call_can_not_be_required_there():
    chain = quiet()
    chain.register("authen", guard)
    section = chain.section("/open", public=True)
    line = here(-1)
    section.fixup("/x", requires=guard)(first)
    (problem,) = problems(chain, "requires-unmet")
    assert "/open is public" in problem.message
    assert problem.places == (place(first), place(guard), line)


def test_a_guard_inside_a_public_section_closes_it_again():
    chain = quiet()
    chain.register("authen", guard)
    inner = chain.section("/open", public=True).section("/closed")
    inner.authz(second)
    inner.fixup(requires=[guard, second])(first)
    problems(chain)


def test_what_is_no_guard_can_be_required_in_a_public_section():
    chain = quiet()
    chain.register("access", guard)
    chain.section("/open", public=True).fixup(requires=guard)(first)
    problems(chain)


# --- registered twice


def test_a_handler_that_comes_twice_by_two_sections_is_a_duplicate():
    chain = quiet()
    chain.section("/a").access(first)
    one = here(-1)
    chain.section("/a").access(first)
    other = here(-1)
    (problem,) = problems(chain, "duplicate")
    assert problem.message == f"ACCESS: {HERE}.first is registered twice for /a"
    assert problem.places == (place(first), one, other)


def test_a_chain_that_is_included_twice_in_one_place_has_duplicates():
    chain, other = quiet(), quiet("api")
    other.access(first)
    chain.include(other, "/api")
    chain.include(other, "/v2")
    problems(chain)
    chain = quiet()
    chain.include(other, "/api")
    chain.include(other, "/api")
    problems(chain, "duplicate")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"location": "/a", "methods": "GET"}, {"location": "/a"}),
        ({"location": "/a"}, {"location": "/a", "exact": True}),
        ({"location": re.compile("a")}, {"location": re.compile("b")}),
        ({"files": "a"}, {"files": "b"}),
        ({"hosts": "a"}, {"hosts": "b"}),
        ({"when": guard}, {"when": second}),
    ],
)
def test_a_handler_in_two_scopes_is_no_duplicate(one, other):
    chain = quiet()
    chain.section(**one).access(first)
    chain.section(**other).access(first)
    problems(chain)


def test_a_duplicate_may_be_allowed_and_init_is_another_registration():
    chain = quiet()
    chain.section("/a").access(first)
    chain.section("/a").access(allow_duplicate=True)(first)
    chain.section("/a").init(second)
    chain.section("/a").header_parser(second)
    problems(chain)


# --- public sections and without


@pytest.mark.parametrize("phase", ["authen", "authz"])
@pytest.mark.parametrize("scope", [{}, {"location": "/x"}])
def test_a_guard_in_a_public_section_is_a_problem(phase, scope):
    chain = quiet()
    section = chain.section("/open", public=True)
    line = here(-1)
    section.register(phase, guard, **scope)
    (problem,) = problems(chain, "public-guarded")
    assert problem.message == f"{phase.upper()}: {HERE}.guard is registered in /open, which is public"
    assert problem.places == (place(guard), line)


def test_a_guard_in_a_public_chain_is_a_problem_included_or_not():
    other = quiet("other", public=True)
    other.authen(guard)
    assert "the chain 'other', which is public" in problems(other, "public-guarded")[0].message
    chain = quiet()
    chain.include(other, "/other")
    problems(chain, "public-guarded")


def test_access_handlers_and_inner_sections_of_a_public_section_are_fine():
    chain = quiet()
    section = chain.section("/open", public=True)
    section.access(first)
    section.section("/closed").authen(guard)
    problems(chain)


def test_without_that_no_outer_handler_is_called_is_a_problem():
    chain = quiet()
    chain.register("authen", guard)
    chain.section("/a", without=f"{HERE}.guardd")
    line = here(-1)
    (problem,) = problems(chain, "without-unknown")
    assert problem.message == (
        f"without='{HERE}.guardd' of /a: no such handler in an outer section (did you mean '{HERE}.guard'?)"
    )
    assert problem.places == (line,)


@pytest.mark.parametrize("elsewhere", [{"location": "/b"}, {"location": "/a/inner"}])
def test_without_does_not_reach_other_or_inner_sections(elsewhere):
    chain = quiet()
    chain.section(**elsewhere).authen(guard)
    chain.section("/a", without=guard)
    (problem,) = problems(chain, "without-unknown")
    assert problem.message.endswith(f"no such handler in an outer section, but in {elsewhere['location']}")
    assert place(guard) in problem.places


def test_without_reaches_what_covers_some_of_the_same_requests():
    chain = quiet()
    chain.section(methods="GET").authen(guard)
    chain.section("/a", without=guard)
    problems(chain)
    chain = quiet()
    chain.section(methods="GET").authen(guard)
    chain.section("/a", methods="POST", without=guard)
    problems(chain, "without-unknown")


def test_a_name_that_two_handlers_have_can_not_be_switched_off():
    chain = quiet()
    chain.register("authen", first, name="x")
    chain.register("authz", second, name="x")
    chain.section("/a", without="x")
    line = here(-1)
    (problem,) = problems(chain, "without-ambiguous")
    assert problem.places == (line, place(first), place(second))


def test_one_function_in_several_places_can_be_switched_off_by_name():
    chain = quiet()
    chain.register("authen", guard)
    chain.register("authz", guard)
    chain.section("/a", without=f"{HERE}.guard")
    problems(chain)


# --- settings


def test_an_included_chain_may_set_closed_alone(tmp_path):
    other = HookChain("other", closed=True, document_root=tmp_path, debug=True, max_body=5, access_log=AccessLog("%h"))
    made = here(-1)
    chain = quiet()
    chain.include(other, "/a")
    included = here(-1)
    chain.section("/b").include(other)
    (problem,) = problems(chain, "included-setting")
    assert problem.message == (
        "the included chain 'other' sets document_root, debug, access_log, max_body, which has no effect there"
    )
    assert problem.places == (made, included)


@pytest.mark.parametrize("access_log", [True, False])
def test_an_included_chain_with_the_usual_settings_is_fine(access_log):
    chain = quiet()
    chain.include(HookChain("other", closed=True, access_log=access_log), "/a")
    problems(chain)


def test_a_document_root_that_is_not_there_names_the_nearest_folder(tmp_path):
    (tmp_path / "htdocs").mkdir()
    (problem,) = problems(quiet(document_root=tmp_path / "htdoc"), "document-root-missing")
    assert problem.message == f"document_root {str(tmp_path / 'htdoc')!r} does not exist (did you mean 'htdocs'?)"
    (problem,) = problems(quiet(document_root=tmp_path / "a" / "b"), "document-root-missing")
    assert problem.message.endswith("does not exist")


def test_a_document_root_that_is_a_file_is_a_problem(tmp_path):
    (tmp_path / "file").touch()
    (problem,) = problems(quiet(document_root=tmp_path / "file"), "document-root-missing")
    assert "is no folder" in problem.message


def test_a_directory_without_document_root_is_a_problem_unless_a_handler_may_find_files():
    chain = quiet()
    chain.section(directory="private")
    line = here(-1)
    (problem,) = problems(chain, "directory-without-root")
    assert "directory='private' never applies" in problem.message
    assert problem.places == (line,)
    chain = quiet()
    chain.section(directory="private")
    chain.register("trans", first)
    problems(chain)


def test_a_directory_outside_of_the_document_root_is_a_problem(tmp_path):
    root, beside = tmp_path / "site", tmp_path / "beside"
    (root / "private").mkdir(parents=True)
    beside.mkdir()
    for directory, said in [
        ("../beside", "holds '.' or '..'"),
        ("./private", "holds '.' or '..'"),
        (str(root / "private"), "write 'private'"),
        (str(root), "write '/'"),
        (str(beside), "is not below the document root"),
    ]:
        chain = quiet(document_root=root)
        chain.section(directory=directory)
        (problem,) = problems(chain, "directory-outside-root")
        assert said in problem.message
        assert chain.advice() == []
    chain = quiet(document_root=root)
    chain.section(directory="private")
    chain.section(directory="/private")
    advice(chain)


# --- warnings


@pytest.mark.parametrize(
    ("outer", "inner", "said"),
    [
        ({"location": "/a", "exact": True}, {"location": "/b"}, "no path is left but '/a'"),
        ({"location": "/a", "exact": True}, {"location": re.compile("b")}, "no path is left but '/a'"),
        ({"location": re.compile("b")}, {"location": "/a", "exact": True}, "no path is left but '/a'"),
        ({"methods": "GET"}, {"methods": ["POST"]}, "no method is left"),
        ({"hosts": "a.example"}, {"hosts": "b.example", "location": "/x"}, "no host is left"),
    ],
)
def test_a_section_that_contradicts_those_around_it_is_unreachable(outer, inner, said):
    chain = quiet()
    section = chain.section(**outer)
    nested = section.section(**inner)
    lines = (here(-2), here(-1))
    nested.content(first)
    nested.section("/deeper").access(second)
    (problem,) = advice(chain, "unreachable")
    assert said in problem.message
    assert problem.message.endswith(f": {HERE}.first, {HERE}.second can never be called")
    assert problem.places == (*lines, place(first), place(second))


def test_an_empty_section_can_be_unreachable_too():
    chain = quiet()
    chain.section(methods="GET").section(methods="POST")
    (problem,) = advice(chain, "unreachable")
    assert "can never be called" not in problem.message


def test_what_can_be_reached_is_not_warned_about():
    chain = quiet()
    section = chain.section("/a", exact=True, methods=["GET", "POST"], hosts="a.example")
    section.content(methods="HEAD")(first)
    section.content(re.compile("^/$"), name="again")(second)
    advice(chain)


@pytest.mark.parametrize("phase", ["post_read_request", "trans", "map_to_storage"])
@pytest.mark.parametrize("scope", [{"directory": "x"}, {"files": "*"}])
def test_a_handler_of_an_early_phase_in_a_scope_that_is_known_later_is_unreachable(tmp_path, phase, scope):
    (tmp_path / "x").mkdir()
    chain = quiet(document_root=tmp_path)
    chain.section(**scope).register(phase, first, "/y")
    (problem,) = advice(chain, "unreachable")
    assert problem.message.startswith(f"{phase.upper()}: {HERE}.first can never be called")
    chain = quiet(document_root=tmp_path)
    chain.section(**scope).register("access", first, "/y")
    advice(chain)


def test_an_order_that_names_nobody_is_allowed_and_names_the_nearest():
    chain = quiet()
    chain.register("access", first, before=f"{HERE}.secomd")
    chain.register("access", second)
    (problem,) = advice(chain, "order-unknown")
    assert problem.message == (
        f"ACCESS: before='{HERE}.secomd' of {HERE}.first has no effect: no handler is called so "
        f"(did you mean '{HERE}.second'?)"
    )
    assert problem.places == (place(first),)


def test_an_order_that_names_a_handler_of_another_phase_has_no_effect():
    chain = quiet()
    chain.register("access", first, after=second)
    chain.register("log", second)
    (problem,) = advice(chain, "order-unknown")
    assert "after=second" in problem.message
    assert "it is registered for LOG" in problem.message
    assert problem.places == (place(first), place(second))


def test_a_location_that_repeats_the_one_around_it_is_warned_about():
    chain = quiet()
    section = chain.section("/admin")
    section.access("/admin/users")(first)
    section.access("/admin", name="x")(second)
    one, other = advice(chain, "repeated-location", "repeated-location")
    assert one.message == "the location '/admin/users' inside of '/admin' stands for '/admin/admin/users'"
    assert "write '/users'" in one.remedy
    assert "write '/'" in other.remedy
    chain = quiet()
    chain.section("/admin").access("/administrator")(first)
    chain.section("/").access("/")(second)
    advice(chain)


def test_a_directory_that_is_not_there_is_warned_about(tmp_path):
    (tmp_path / "private").mkdir()
    chain = quiet(document_root=tmp_path)
    chain.section(directory="privat")
    (problem,) = advice(chain, "directory-missing")
    assert "did you mean 'private'?" in problem.message


def test_of_a_document_root_that_is_not_there_no_folder_is_missed(tmp_path):
    chain = quiet(document_root=tmp_path / "x")
    chain.section(directory="private")
    problems(chain, "document-root-missing")
    assert chain.advice() == []


def test_files_in_a_chain_that_knows_no_files_are_warned_about(tmp_path):
    chain = quiet()
    chain.section(files="*.pdf")
    (problem,) = advice(chain, "files-without-root")
    assert "files='*.pdf' never applies" in problem.message
    chain = quiet(document_root=tmp_path)
    chain.section(files="*.pdf")
    advice(chain)


def test_an_endpoint_is_warned_about():
    chain = quiet()
    chain.section(endpoint="admin.*")
    (problem,) = advice(chain, "endpoint-scope")
    assert "Flask and Django" in problem.message


def test_a_closed_chain_that_lets_nobody_pass_is_warned_about():
    chain = quiet(closed=True)
    chain.content(lambda req: "x")
    (problem,) = advice(chain, "closed-to-all")
    assert "refuses every request" in problem.message
    chain = quiet(closed=True)
    chain.section("/open", public=True)
    advice(chain)
    chain = quiet(closed=True)
    chain.authz(lambda req: True)
    advice(chain)


# --- the reference


def test_the_reference_describes_every_code_and_no_other():
    documented = re.findall(r"^### `([\w-]+)`$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert documented == [*PROBLEM_CODES, *WARNING_CODES]


def test_every_code_of_the_source_is_listed():
    sources = "".join(
        path.read_text(encoding="utf-8") for path in Path(inspect.getfile(HookChain)).parent.glob("check_*.py")
    )
    used = {code for code in re.findall(r'"([a-z]+(?:-[a-z]+)*)"', sources) if "-" in code or f'"{code}",\n' in sources}
    assert used >= {*PROBLEM_CODES, *WARNING_CODES}
    assert {code for code in used if "-" in code} == {code for code in (*PROBLEM_CODES, *WARNING_CODES) if "-" in code}
