"""What applies to a request, explained without sending it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hookchain import OK, CompileError, HookChain, Order, Phase
from hookchain.explain_nodes import merged, statuses_text, variants
from hookchain.explanation import Explanation
from hookchain.scopes import Scope
from hookchain.testing import make_request
from hookchain.tree import Node


def handler(answer=None):
    return lambda req: answer


def names(rows):
    return [row.name for row in rows]


def register(registry, phase, *several, **options):
    for name in several:
        registry.register(phase, handler(), name=name, **options)


def ran(chain, path, method="GET", **options):
    """The names of the handlers that run for a request, in order."""
    req = make_request(path, method, **options)
    chain.keeps_trace = True
    with chain.handle(req) as response:
        response.get_data()
    assert req.trace is not None
    return [entry.handler for entry in req.trace if entry.handler and not entry.record]


def only_row(rows, name):
    [row] = [row for row in rows if row.name == name]
    return row


# --- what is called, in order


def test_handlers_stand_in_the_order_of_the_phases_whatever_the_order_of_registration():
    chain = HookChain()
    for phase in reversed(Phase):
        register(chain, phase, phase.value)
    assert names(chain.explain("/").handlers) == [phase.value for phase in Phase]


def test_outer_sections_come_first_where_all_handlers_run_and_last_where_the_first_answer_settles():
    chain = HookChain()
    section = chain.section("/admin")
    for phase in ("access", "authen"):
        register(section, phase, f"inner {phase}")
        register(chain, phase, f"outer {phase}")
    explanation = chain.explain("/admin/x")
    assert names(explanation.rows_of(Phase.ACCESS)) == ["outer access", "inner access"]
    assert names(explanation.rows_of("authen"))[:2] == ["inner authen", "outer authen"]


def test_each_row_tells_where_handler_and_section_were_written():
    chain = HookChain()
    section = chain.section("/admin", methods="GET")
    section.fixup(handler_here)
    row = only_row(chain.explain("/admin").handlers, f"{__name__}.handler_here")
    assert row.section == "/admin methods=GET,HEAD"
    assert re.fullmatch(re.escape(__file__) + r":\d+", row.origin)
    assert re.fullmatch(re.escape(__file__) + r":\d+", row.section_origin)
    assert row.origin != row.section_origin


def handler_here(req):
    return None


def test_what_an_included_chain_brings_stands_under_its_location():
    api, chain = HookChain("api"), HookChain()
    register(api, "access", "limit", location="/users", exact=True)
    register(api, "access", "count")
    chain.include(api, "/api")
    rows = chain.explain("/api/users").handlers
    assert [(row.name, row.section) for row in rows] == [("count", "/api"), ("limit", "/api/users (exact)")]


def test_a_regular_expression_shows_itself_and_its_groups():
    chain = HookChain()
    register(chain, "content", "user", location=re.compile(r"^/users/(?P<name>\w+)$"))
    explanation = chain.explain("/users/ann")
    assert explanation.path_params == {"name": "ann"}
    assert explanation.handlers[0].section == r"~ ^/users/(?P<name>\w+)$"
    assert "params       name='ann'" in str(explanation)


def test_a_declared_rank_is_told():
    chain = HookChain()
    register(chain, "access", "late", order=Order.LAST)
    register(chain, "access", "plain")
    late, plain = reversed(chain.explain("/").handlers)
    assert (late.name, late.notes) == ("late", ("order LAST",))
    assert plain.notes == ()


def test_what_is_registered_as_init_says_so():
    chain = HookChain()
    register(chain, "init", "outer")
    register(chain.section("/a"), "init", "inner")
    outer, inner = chain.explain("/a").handlers
    assert (outer.phase, inner.phase) == ("POST_READ_REQUEST", "HEADER_PARSER")
    assert outer.notes == inner.notes == ("registered as init",)


def test_what_is_pulled_forward_says_for_whom():
    chain = HookChain()
    register(chain, "access", "a", after="e")
    register(chain, "access", "b", "c", "d", "e")
    rows = chain.explain("/").handlers
    assert names(rows) == ["e", "a", "b", "c", "d"]
    assert [row.notes for row in rows] == [("moved forward: needed by a",), (), (), (), ()]


def test_what_is_in_its_place_anyway_was_not_moved():
    chain = HookChain()
    register(chain, "access", "a")
    register(chain, "access", "b", after="a")
    assert [row.notes for row in chain.explain("/").handlers] == [(), ()]


# --- conditions


def is_weekend(req):
    return True


def test_conditions_are_shown_and_not_asked(tmp_path):
    def never_asked(req):
        raise AssertionError

    chain = HookChain(document_root=tmp_path)
    section = chain.section("/a", when=never_asked, directory="/private")
    register(section, "fixup", "one", files="*.pdf", endpoint="blog.*")
    row = chain.explain("/a").handlers[0]
    assert row.section == "/a"
    assert row.conditions == (
        f"directory=/private when={never_asked.__qualname__}",
        "files=*.pdf endpoint=blog.*",
    )
    assert "if directory=/private" in str(chain.explain("/a"))


def test_a_section_that_switches_off_on_a_condition_is_told_where_the_handler_stands():
    chain = HookChain()
    register(chain, "fixup", "stamp")
    chain.section("/a", when=is_weekend, without="stamp")
    row = only_row(chain.explain("/a").handlers, "stamp")
    assert re.fullmatch(r"but not where section /a when=is_weekend \(.*:\d+\) says without", row.exceptions[0])
    assert row.called


def test_a_section_that_is_public_on_a_condition_is_told_where_the_guards_stand():
    chain = HookChain()
    register(chain, "authen", "login")
    chain.section("/a", when=is_weekend, public=True)
    explanation = chain.explain("/a")
    row = only_row(explanation.handlers, "login")
    assert re.fullmatch(r"but not where section /a when=is_weekend \(.*:\d+\) is public", row.exceptions[0])
    assert [(guard.state, guard.conditions) for guard in explanation.guards] == [
        ("public", ("when=is_weekend",)),
        ("guarded", ("not when=is_weekend",)),
    ]


def test_a_guard_that_closes_a_public_section_on_a_condition_brings_the_outer_guards_back():
    chain = HookChain()
    register(chain, "authen", "login")
    section = chain.section("/a", public=True).section(when=is_weekend)
    register(section, "authz", "staff")
    explanation = chain.explain("/a")
    assert names(explanation.handlers) == ["login", "staff"]
    row = only_row(explanation.handlers, "login")
    assert re.fullmatch(r"but not where section /a \(.*:\d+\) is public", row.exceptions[0])


def test_where_a_condition_changes_the_order_a_handler_stands_in_both_places():
    chain = HookChain()
    register(chain, "access", "b", after="x")
    register(chain, "access", "c")
    register(chain, "access", "x", after="c", when=lambda req: "X" in req.headers)
    explanation = chain.explain("/")
    assert ran(chain, "/", headers={"X": "1"}) == ["c", "x", "b"]
    assert ran(chain, "/") == ["b", "c"]
    assert names(explanation.handlers) == ["c", "x", "b", "c"]
    assert explanation.handlers[3].notes[-1].startswith("here instead")


def test_of_many_conditions_each_is_looked_at_by_itself():
    nodes = [Node(index, None, Scope(when=lambda req, i=index: i)) for index in range(9)]
    found = variants(nodes)
    assert found[0] == frozenset(nodes)
    assert len(found) == 1 + 9 + 9 + 1
    assert len(variants(nodes[:8])) == 2**8


def test_conditions_of_a_section_hold_for_what_stands_in_it():
    outer = Node(0, None, Scope(when=is_weekend))
    inner = Node(1, outer, Scope(files="*.pdf"))
    assert variants([outer, inner]) == [{outer, inner}, {outer}, set()]


# --- what is not called, and why


def reason(chain, name, *args, **options):
    return only_row(chain.explain(*args, **options).not_called, name).reason


def test_the_wrong_method_is_a_reason():
    chain = HookChain()
    register(chain, "content", "save", methods=["POST", "PUT"])
    assert reason(chain, "save", "/") == "only for methods POST, PUT"
    assert names(chain.explain("/", "put").handlers) == ["save"]


def test_the_wrong_host_is_a_reason():
    chain = HookChain()
    register(chain.section(hosts="a.org"), "access", "a")
    assert reason(chain, "a", "/", host="b.org") == "only for host a.org"
    assert reason(chain, "a", "/") == "only for host a.org; no host was given"
    assert names(chain.explain("/", host="A.org.:8000").handlers) == ["a"]


def test_the_host_of_a_url_counts():
    chain = HookChain()
    register(chain, "access", "a", hosts="a.org")
    assert names(chain.explain("http://a.org/x?y=z").handlers) == ["a"]
    assert chain.explain("https://a.org").path == "/"
    assert names(chain.explain("http://b.org/", host="a.org").handlers) == ["a"]


def test_a_location_that_covers_itself_alone_is_a_reason():
    chain = HookChain()
    register(chain.section("/a", exact=True).section(), "access", "a")
    assert reason(chain, "a", "/a/b") == "only for /a itself"


def test_a_regular_expression_that_finds_nothing_is_a_reason():
    chain = HookChain()
    register(chain, "access", "a", location=re.compile("[0-9]"))
    assert reason(chain, "a", "/a") == "no match for [0-9]"


def test_handlers_of_other_paths_are_not_mentioned():
    chain = HookChain()
    register(chain, "access", "a", location="/a")
    assert chain.explain("/b").not_called == ()


def test_without_is_a_reason_and_names_the_section():
    chain = HookChain()
    register(chain, "fixup", "stamp")
    chain.section("/a", without="stamp")
    assert re.fullmatch(r"section /a \(.*test_explain\.py:\d+\) says without", reason(chain, "stamp", "/a"))


def test_a_public_section_is_a_reason_and_is_named():
    chain = HookChain()
    register(chain, "authen", "login")
    chain.section("/a", public=True).section("/b", public=True)
    assert re.fullmatch(r"section /a/b \(.*test_explain\.py:\d+\) is public", reason(chain, "login", "/a/b"))


def test_a_public_chain_is_a_reason():
    outer, inner = HookChain(), HookChain(public=True)
    register(outer, "authen", "login")
    outer.include(inner, "/a")
    assert "section /a" in reason(outer, "login", "/a")
    lone = HookChain(public=True, without=())
    lone.section("/a", when=is_weekend)
    assert [guard.state for guard in lone.explain("/a").guards] == ["public"]


def test_a_condition_that_is_known_too_late_is_a_reason(tmp_path):
    chain = HookChain(document_root=tmp_path)
    register(chain, "trans", "a", directory="/x")
    assert reason(chain, "a", "/") == "directory, files and endpoint are not known before HEADER_PARSER"


def test_filters_that_do_not_apply_are_among_what_is_not_called():
    chain = HookChain()
    chain.output_filter("/", methods=["POST"])(lambda req, response: response)
    [row] = chain.explain("/").not_called
    assert (row.phase, row.reason) == ("OUTPUT FILTER", "only for method POST")


# --- defaults


def default(chain, phase, *args):
    return [(row.name, row.notes[0]) for row in chain.explain(*args).rows_of(phase) if row.default]


def test_a_chain_without_files_has_only_the_access_log_and_an_answer_behind_it():
    rows = HookChain().explain("/").rows
    assert [(row.phase, row.default, row.section) for row in rows] == [
        ("CONTENT", True, "default"),
        ("LOG", True, "default"),
    ]


def test_a_chain_without_an_access_log_has_no_default_there():
    assert HookChain(access_log=False).explain("/").rows_of("log") == ()


def test_the_access_log_says_what_it_writes():
    assert default(HookChain(access_log="common"), "log", "/") == [
        ("hookchain.access_log", "AccessLog 'common' to logger hookchain.access")
    ]


def test_files_stand_behind_the_phases_that_have_to_do_with_them(tmp_path):
    chain = HookChain(document_root=tmp_path)
    assert [row.phase for row in chain.explain("/").rows] == ["TRANS", "MAP_TO_STORAGE", "TYPE", "CONTENT", "LOG"]
    assert str(tmp_path) in default(chain, "trans", "/")[0][1]


def test_what_nobody_answers_is_404_or_405():
    chain = HookChain()
    register(chain, "content", "save", location="/form", methods="POST")
    assert default(chain, "content", "/")[0][1].endswith("else 404")
    assert default(chain, "content", "/form")[0][1].endswith("else 405 (Allow: POST)")


def test_a_guarded_path_without_a_user_is_answered_401_and_403():
    chain = HookChain()
    register(chain, "authz", "staff", location="/a")
    assert default(chain, "authen", "/a") == [("hookchain.guards.authen", "401, unless req.user is set")]
    assert default(chain, "authz", "/a") == [("hookchain.guards.authz", "403")]
    assert default(chain, "authen", "/b") == default(chain, "authz", "/b") == []


def test_optional_authentication_goes_on_without_a_user():
    chain = HookChain(authentication="optional")
    register(chain, "authen", "login")
    assert default(chain, "authen", "/") == [("hookchain.guards.authen", "goes on without a user")]
    assert default(chain, "authz", "/") == []


def test_a_closed_chain_refuses_what_nothing_guards():
    chain = HookChain(closed=True)
    register(chain, "authen", "login", location="/a")
    chain.section("/open", public=True)
    assert default(chain, "authz", "/") == [
        ("hookchain.guards.closed", "403: the chain is closed and nothing guards this path")
    ]
    assert [chain.explain(path).guards[0].state for path in ("/", "/a", "/open")] == ["closed", "guarded", "public"]
    assert default(chain, "authz", "/a") == default(chain, "authz", "/open") == []


@pytest.mark.parametrize(("enabled", "note"), [(False, "405: TRACE is not enabled"), (True, "sends the request back")])
def test_the_method_trace_ends_in_map_to_storage(enabled, note):
    chain = HookChain(trace_method=enabled)
    assert default(chain, "map_to_storage", "/", "TRACE") == [("hookchain.process.trace", note)]


# --- guards


def test_how_a_path_is_guarded_is_told():
    chain = HookChain(satisfy="any", challenge=['Basic realm="a"', "Bearer"])
    section = chain.section("/a", authentication="optional", authorization="all")
    register(section, "authz", "staff")
    [guard] = chain.explain("/a").guards
    assert (
        guard.state,
        guard.satisfy,
        guard.authentication,
        guard.authorization,
        guard.challenge,
        guard.conditions,
    ) == (
        "guarded",
        "any",
        "optional",
        "all",
        ('Basic realm="a"', "Bearer"),
        (),
    )
    text = str(chain.explain("/a"))
    assert "guarded      authentication optional, authorization all, satisfy any" in text
    assert 'challenge    Basic realm="a", Bearer' in text


def test_an_unguarded_path_says_so():
    assert [guard.state for guard in HookChain().explain("/").guards] == ["open"]
    assert "not guarded  no AUTHEN or AUTHZ handler applies" in str(HookChain().explain("/"))


# --- the path


def test_a_path_is_decoded_once_and_normalised():
    chain = HookChain()
    register(chain, "access", "a", location="/a b")
    explanation = chain.explain("/x/..//a%20b/%2525?q=/c#d")
    assert (explanation.given, explanation.path) == ("/x/..//a%20b/%2525", "/a b/%25")
    assert names(explanation.handlers) == ["a"]
    assert "given as     /x/..//a%20b/%2525" in str(explanation)
    assert "given as" not in str(chain.explain("/a"))


def test_a_refused_path_passes_only_what_runs_before_and_after():
    chain = HookChain()
    for phase in Phase:
        register(chain, phase, phase.value)
    explanation = chain.explain("/../x")
    assert explanation.refused == "the path climbs above the root"
    assert names(explanation.handlers) == ["post_read_request", "log", "cleanup"]
    assert default(chain, "post_read_request", "/../x") == [
        ("hookchain.paths.normalise", "400: the path climbs above the root")
    ]
    assert {row.reason for row in explanation.not_called} == {"the path is refused before this phase"}
    assert names(explanation.handlers) == ran(chain, "/../x")
    text = str(explanation)
    assert "refused      400, the path climbs above the root" in text
    assert "guarded" not in text


@pytest.mark.parametrize("path", ["admin", "", "?x", "ftp://a.org/x"])
def test_what_is_no_path_is_refused_with_what_to_write(path):
    with pytest.raises(ValueError, match=re.escape(repr("/" + path.partition("?")[0]))):
        HookChain().explain(path)


def test_options_of_the_server_as_a_whole_can_be_explained():
    chain = HookChain()
    register(chain, "access", "a")
    assert chain.explain("*", "OPTIONS").path == "*"


def test_a_wrong_chain_is_not_explained():
    chain = HookChain()
    register(chain, "access", "a", after="b")
    register(chain, "access", "b", after="a")
    with pytest.raises(CompileError):
        chain.explain("/")


# --- filters and error documents


def test_filters_are_listed_apart_from_handlers():
    chain = HookChain()
    chain.output_filter(name="compress")(lambda req, response: response)
    chain.input_filter("/a", name="unpack")(lambda req, stream: stream)
    explanation = chain.explain("/a")
    assert [(row.phase, row.name) for row in explanation.filters] == [
        ("INPUT FILTER", "unpack"),
        ("OUTPUT FILTER", "compress"),
    ]
    assert explanation.handlers == ()
    assert "FILTERS\nINPUT FILTER" in str(explanation)


def test_error_documents_are_listed_in_the_order_in_which_they_are_looked_through():
    chain = HookChain()
    chain.error_document("Something is wrong.")
    section = chain.section("/a", when=is_weekend)
    section.error_document(410, 404, "/gone.html")

    @section.error_document(503)
    def busy(req):
        return "busy"

    documents = chain.explain("/a").error_documents
    assert [(document.statuses, document.target, document.section, document.conditions) for document in documents] == [
        ("503", f"{__name__}.{busy.__qualname__}", "/a", ("when=is_weekend",)),
        ("404, 410", "/gone.html", "/a", ("when=is_weekend",)),
        ("400-599", "Something is wrong.", "everywhere", ()),
    ]
    assert all(__file__ in document.origin for document in documents)
    assert "404, 410           /gone.html" in str(chain.explain("/a"))


def test_statuses_are_written_as_people_write_them():
    assert statuses_text(frozenset({410, 404})) == "404, 410"


# --- the table, and the data


def site():
    chain = HookChain(challenge="Basic")
    register(chain, "access", "office_only")
    section = chain.section("/admin")
    register(section, "authen", "by_password")
    register(section, "content", "report", location="/report", methods="GET", when=is_weekend)
    register(section, "content", "save", methods="POST")
    return chain


# Columns are as wide as what stands in them, and line numbers differ: words are compared here, columns below.
TABLE = """\
GET /admin/report
  guarded    authentication required, authorization any, satisfy all
  challenge  Basic

PHASE              HANDLER      SECTION                         DECLARED AT
POST_READ_REQUEST  -
TRANS              -
MAP_TO_STORAGE     -
HEADER_PARSER      -
ACCESS             office_only  everywhere                      HERE
AUTHEN             by_password  /admin                          HERE
                   default: 401, unless req.user is set
AUTHZ              -
TYPE               -
FIXUP              -
CONTENT            report       /admin/report methods=GET,HEAD  HERE
                     if when=is_weekend
                   default: the app behind the chain, else 404
LOG                default: AccessLog 'combined' to logger hookchain.access
CLEANUP            -

NOT CALLED
CONTENT            save         /admin methods=POST             HERE
                     only for method POST
"""


@pytest.fixture
def at_home(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)


def test_it_prints_as_a_table(at_home):
    explanation = site().explain("/admin/report")
    shown = re.sub(r"\S*test_explain\.py:\d+", "HERE", str(explanation))
    assert [line.split() for line in shown.split("\n")] == [line.split() for line in TABLE.rstrip().split("\n")]
    assert repr(explanation) == str(explanation) == explanation.text(100)


def test_columns_stand_below_each_other(at_home):
    lines = str(site().explain("/admin/report")).split("\n")
    head = next(line for line in lines if line.startswith("PHASE"))
    rows = [line for line in lines if "test_explain.py:" in line]
    assert len(rows) == 4
    for row in rows:
        assert row.index("test_explain.py:") == head.index("DECLARED AT")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal(at_home, width):
    for line in site().explain("/admin//report").text(width).split("\n")[6:]:
        assert len(line) <= width, line
        assert line == line.rstrip()


def test_in_a_narrow_terminal_places_go_below_the_names(at_home):
    explanation = site().explain("/admin/report")
    three, two = explanation.text(70), explanation.text(40)
    assert re.search(r"^AUTHEN +by_password +/admin\n {21}test_explain\.py:\d+$", three, re.MULTILINE)
    assert re.search(r"^AUTHEN +by_password\n {21}/admin,\n? *test_explain\.py:\d+$", two, re.MULTILINE)


def test_places_outside_of_the_current_folder_are_told_in_full(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert __file__ in site().explain("/admin").text(300)


def test_print_writes_the_table_as_wide_as_the_terminal_is(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "70")
    explanation = site().explain("/admin")
    explanation.print()
    assert capsys.readouterr().out == explanation.text(70) + "\n"
    stream = io.StringIO()
    explanation.print(stream)
    assert stream.getvalue() == explanation.text(70) + "\n"


def test_control_characters_of_a_path_do_not_reach_the_terminal():
    text = str(HookChain().explain("/%1b[31mred%0a", host="a\x1b"))
    assert "\x1b" not in text
    assert "/\\x1b[31mred\\n" in text


def test_it_is_plain_data_for_json(tmp_path):
    chain = HookChain(document_root=tmp_path)
    register(chain, "authen", "login", location=re.compile("(?P<rest>.*)"))
    chain.output_filter(lambda req, response: response)
    chain.error_document(404, "gone")
    explanation = chain.explain("/a%20b", host="a.org")
    data = explanation.as_dict()
    assert json.loads(json.dumps(data)) == json.loads(json.dumps(data, default=str))
    assert (data["path"], data["given"], data["host"], data["refused"]) == ("/a b", "/a%20b", "a.org", None)
    assert data["path_params"] == {"rest": "/a b"}
    assert [phase["phase"] for phase in data["phases"]] == [phase.name for phase in Phase]
    authen = data["phases"][5]
    assert authen["policy"] == "run_first"
    assert [row["name"] for row in authen["rows"]] == ["login", "hookchain.guards.authen"]
    assert len(data["filters"]) == len(data["error_documents"]) == len(data["guards"]) == 1


def test_it_shows_the_code_by_which_handlers_are_called():
    chain = HookChain(access_log=False)
    for name in ("access", "content", "log"):
        register(chain, name, f"my {name}")
    code = chain.explain("/").code
    asked = [line for line in code.splitlines() if line.startswith("# handler")]
    assert [line.split(": ")[1].split(" (")[0] for line in asked] == ["my access", "my content", "my log"]
    assert "# phase0: Phase.ACCESS\n" in code
    for function in code.split("# phase0: ")[1:]:
        compile(function.partition("\n")[2], "<shown>", "exec")
    assert code in chain.explain("/").as_dict()["code"]


def test_where_each_phase_is_decided_about_there_is_no_code_to_show():
    chain = HookChain(access_log=False)
    chain.section("/", when=lambda req: True).content(lambda req: "x")
    assert chain.explain("/").code == ""


def test_the_code_of_a_chain_that_refuses_all_ends_where_it_does():
    chain = HookChain(access_log=False, closed=True)
    for name in ("trans", "fixup", "content", "log"):
        register(chain, name, f"my {name}")
    code = chain.explain("/").code
    assert "my trans" in code
    assert "my log" in code
    assert "my fixup" not in code
    assert "my content" not in code


def test_an_unknown_phase_has_no_rows_to_ask_for():
    with pytest.raises(KeyError):
        HookChain().explain("/").rows_of("authenticate")


# --- properties


def is_subsequence(some, of):
    rest = iter(of)
    return all(item in rest for item in some)


@given(st.permutations("abcdef"), st.permutations("abcdef"), st.integers(0, 6))
def test_a_merged_order_holds_both(one, other, length):
    both = merged(one, other[:length])
    assert is_subsequence(one, both)
    assert is_subsequence(other[:length], both)


@given(st.permutations("abcdef"), st.sets(st.sampled_from("abcdef")))
def test_an_order_that_is_held_already_changes_nothing(order, left_out):
    assert merged(order, [item for item in order if item not in left_out]) == list(order)


class header_is_set:  # noqa: N801 - it stands for a function
    """A condition that a request fulfils or not."""

    def __init__(self, name):
        self.name = name

    def __call__(self, req):
        return self.name in req.headers

    def __eq__(self, other):
        return isinstance(other, header_is_set) and other.name == self.name

    def __hash__(self):
        return hash(self.name)


SCOPES = st.fixed_dictionaries(
    {},
    optional={
        "location": st.sampled_from(["/", "/a", "/a/b", "/c", re.compile("/b"), re.compile("(?P<x>a)/?$")]),
        "methods": st.sampled_from(["GET", "POST", ["GET", "PUT"]]),
        "hosts": st.sampled_from(["a.org", ["b.org", "localhost"]]),
        "when": st.sampled_from("XYZ").map(header_is_set),
    },
)
PHASES = st.sampled_from([phase for phase in Phase if phase is not Phase.MAP_TO_STORAGE])
UNGUARDED = PHASES.filter(lambda phase: phase not in {Phase.AUTHEN, Phase.AUTHZ})
PATHS = st.sampled_from(["/", "/a", "/a/", "/a/b", "/a//b/c", "/c", "/%61/./b", "/d", "/../a"])


@st.composite
def chains(draw):
    """Chains with sections, included chains, conditions, orders, ``without`` and public sections."""
    chain = HookChain(closed=draw(st.booleans()), satisfy=draw(st.sampled_from(["all", "any"])), access_log=False)
    registries, several = [chain], {}
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["handler", "handler", "handler", "section", "include"]))
        registry = draw(st.sampled_from(registries))
        scope = draw(SCOPES)
        if kind == "handler":
            phase = draw(UNGUARDED if registry.section_options.public else PHASES)
            known = [name for name, its_phase in several.items() if its_phase is phase]
            order = draw(st.sampled_from(list(Order)))
            after = draw(st.lists(st.sampled_from(known), max_size=2, unique=True)) if known else []
            before = draw(st.lists(st.sampled_from(known), max_size=1)) if known and not after else []
            name = f"h{number}"
            several[name] = phase
            answer = draw(st.sampled_from([None, None, OK, 403]))
            registry.register(
                phase, answering(answer, phase), **scope, name=name, order=order, after=after, before=before
            )
        elif kind == "section":
            names_of = draw(st.lists(st.sampled_from(sorted(several)), max_size=2, unique=True)) if several else []
            registries.append(registry.section(**scope, public=draw(st.booleans()), without=names_of))
        else:
            other = HookChain(closed=draw(st.booleans()), public=draw(st.booleans()))
            registry.include(other, **scope)
            registries.append(other)
    return chain


def answering(answer, phase):
    def answered(req):
        if phase is Phase.AUTHEN and answer is OK:
            req.user = "ann"
        return answer

    return answered


@given(
    chains(),
    PATHS,
    st.sampled_from(["GET", "HEAD", "POST", "TRACE", "BREW"]),
    st.sampled_from(["a.org", "b.org:80", "c.org"]),
    st.sets(st.sampled_from("XYZ")),
)
def test_what_runs_is_a_subsequence_of_what_is_explained(chain, path, method, host, headers):
    assume(not chain.problems())
    explanation = chain.explain(path, method, host)
    assert isinstance(explanation, Explanation)
    happened = ran(chain, path, method, headers=dict.fromkeys(headers, "1"), base_url=f"http://{host}")
    assert is_subsequence(happened, names(explanation.handlers))
    assert not {row.name for row in explanation.not_called} & set(happened)
    assert len(str(explanation).split("\n")) > len(Phase)


@given(chains(), PATHS)
def test_where_all_decline_and_nothing_depends_on_conditions_all_that_is_explained_runs(chain, path):
    assume(not chain.problems() and not chain.explain(path).refused)
    declining = HookChain(authentication="optional", access_log=False)
    for item in chain.plan.tree.entries:
        if isinstance(item.kind, Phase) and item.kind is not Phase.AUTHZ:
            declining.register(item.kind, handler(), item.declaration.scope.location, name=item.handler.name)
    assert ran(declining, path) == names(declining.explain(path).handlers)
