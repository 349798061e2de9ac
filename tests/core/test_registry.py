"""Registering handlers: decorators, sections, markers, load(), include(); and what is refused with which words."""

from __future__ import annotations

import functools
import re
import sys
import types

import pytest

from hookchain import (
    OK,
    AlreadyCompiledError,
    CompileError,
    DeclarationError,
    HookChain,
    Order,
    Phase,
    Problem,
    Section,
    mark,
)
from hookchain.phases import PHASE_NAMES
from tests.asking import Calls, by_handle, quiet


def handler(req):
    """A handler that declines."""


def names_of(hooks, phase):
    """Return the functions of a phase in registration order."""
    return [entry.handler.function for entry in hooks.plan.tree.entries if entry.kind is phase]


@pytest.mark.parametrize("name", PHASE_NAMES)
@pytest.mark.parametrize("place", ["chain", "section"])
def test_a_decorator_is_used_bare_or_called_and_returns_the_function_unchanged(name, place):
    hooks = HookChain()
    registry = hooks if place == "chain" else hooks.section("/in")
    decorator = getattr(registry, name)

    def other(req):
        pass

    def third(req):
        pass

    assert decorator(handler) is handler
    assert decorator("/a", order=Order.LAST)(other) is other
    assert decorator(third, order=Order.FIRST) is third
    phase = Phase.POST_READ_REQUEST if name == "init" else Phase[name.upper()]
    if name == "init" and place == "section":
        phase = Phase.HEADER_PARSER
    assert {handler, other, third} == {entry.handler.function for entry in hooks.plan.tree.entries}
    assert handler in names_of(hooks, phase)


def test_init_is_an_early_post_read_request_handler_at_top_level_and_header_parser_in_a_section(ask):
    ran = Calls()
    hooks = quiet()
    hooks.post_read_request(ran.handler("post_read_request"))
    hooks.header_parser(ran.handler("header_parser"))
    hooks.init(ran.handler("init of the chain"))
    hooks.section("/in").init(ran.handler("init of the section"))
    ask(hooks, "/in")
    assert ran == ["init of the chain", "post_read_request", "init of the section", "header_parser"]


def test_a_pair_as_init_in_a_section_is_a_pair(ask):
    ran: list[str] = []
    hooks = quiet()

    @hooks.section("/").init
    def pair(req):
        ran.append(req.phase.name)
        yield
        ran.append("second half")

    ask(hooks)
    assert ran == ["HEADER_PARSER", "second half"]


def test_register_takes_a_phase_or_its_name_in_any_case():
    hooks = HookChain()
    for number, phase in enumerate([Phase.ACCESS, "access", "ACCESS"]):
        hooks.register(phase, handler, f"/{number}")
    assert len(names_of(hooks, Phase.ACCESS)) == 3


def test_a_handler_is_called_module_dot_qualname_unless_it_has_a_name():
    hooks = HookChain()
    hooks.access(handler)
    hooks.fixup(handler, name="other")
    hooks.log(functools.partial(handler), name=None)
    hooks.cleanup(CallableGuard())
    assert [entry.handler.name for entry in hooks.plan.tree.entries] == [
        f"{__name__}.handler",
        "other",
        f"{__name__}.handler",
        f"{__name__}.CallableGuard",
    ]


class CallableGuard:
    def __call__(self, req):
        return 418


class Guards:
    """A handler module as a class: options are constructor arguments."""

    def __init__(self, status):
        self.status = status

    @mark.access("/marked")
    def refuse(self, req):
        return self.status

    @mark.log
    @mark.cleanup(order=Order.LAST)
    def twice(self, req):
        pass

    @mark.output_filter
    def add(self, req, response):
        response.headers["X-Loaded"] = str(self.status)

    @mark.input_filter("/in")
    def keep(self, req, stream):
        return stream

    def unmarked(self, req):
        raise AssertionError


class MoreGuards(Guards):
    @mark.fixup
    @staticmethod
    def static(req):
        req.notes["static"] = True


def test_marked_methods_of_an_instance_are_registered_by_load():
    hooks = quiet()
    assert hooks.load(Guards(402)) is None
    answer = by_handle(hooks, "/marked")
    assert (answer.status, answer.headers["X-Loaded"]) == (402, "402")
    assert by_handle(hooks, "/").status == 404
    kinds = [entry.kind for entry in hooks.plan.tree.entries]
    assert {Phase.LOG, Phase.CLEANUP, Phase.ACCESS} < set(kinds)


def test_load_registers_below_a_section_and_those_of_base_classes_first():
    hooks = quiet()
    hooks.section("/api").load(MoreGuards(403))
    assert by_handle(hooks, "/api/marked").status == 403
    assert by_handle(hooks, "/marked").status == 404
    assert hooks.plan.tree.entries[0].handler.function.__name__ == "refuse"


def test_load_takes_a_module_by_its_dotted_name_a_namespace_or_a_class(monkeypatch):
    module = types.ModuleType("some_handlers")

    @mark.access
    def refuse(req):
        return 451

    module.refuse = refuse
    monkeypatch.setitem(sys.modules, "some_handlers", module)
    for source in ("some_handlers", module, types.SimpleNamespace(refuse=refuse)):
        hooks = quiet()
        hooks.load(source)
        assert by_handle(hooks).status == 451


@pytest.mark.parametrize("name", PHASE_NAMES)
def test_there_is_a_marker_for_every_phase_and_init_which_returns_the_function_unchanged(name):
    def function(req):
        pass

    marker = getattr(mark, name)
    assert marker(function) is function
    assert marker("/a")(function) is function
    assert marker(function, order="last") is function
    assert name in mark.__all__


@pytest.mark.parametrize("name", ["locations", "method", "locaton"])
def test_an_option_that_there_is_not_is_refused_with_the_nearest_that_there_is(name):
    nearest = {"method": "methods"}.get(name, "location")
    with pytest.raises(DeclarationError, match=rf"access\(\) takes no option '{name}' \(did you mean '{nearest}'\?\)"):
        HookChain().access(**{name: "/x"})


@pytest.mark.parametrize("source", [types.SimpleNamespace(), "hookchain.phases", object()])
def test_loading_what_has_nothing_marked_is_refused(source):
    with pytest.raises(DeclarationError, match=r"hookchain\.mark"):
        HookChain().load(source)


@pytest.mark.parametrize("name", ["no_such_module_at_all", "hookchain.nothing_like_that"])
def test_loading_what_can_not_be_imported_is_refused_with_the_reason(name):
    with pytest.raises((DeclarationError, ValueError), match=name):
        HookChain().load(name)


# --- the same twice


def test_the_same_handler_twice_for_the_same_phase_and_scope_is_refused_with_both_named():
    hooks = HookChain()
    hooks.access("/a")(handler)
    with pytest.raises(
        DeclarationError, match=r"handler .*test_registry\.py:\d+.*registered twice.*access.*allow_duplicate=True"
    ):
        hooks.access("/a")(handler)
    hooks.access("/b")(handler)
    hooks.fixup("/a")(handler)
    hooks.access("/a", allow_duplicate=True)(handler)
    assert len(names_of(hooks, Phase.ACCESS)) == 3


def test_equal_methods_of_two_instances_are_two_handlers():
    hooks = HookChain()
    hooks.load(Guards(1))
    hooks.load(Guards(2))
    assert len(names_of(hooks, Phase.ACCESS)) == 2


# --- what is refused

REFUSED = [
    (lambda hooks: hooks.register("acess", handler), r"'acess' is no phase.*did you mean 'access'.*post_read_request"),
    (lambda hooks: hooks.register(5, handler), r"5 is no phase"),
    (
        lambda hooks: hooks.access(lambda: None),
        r"access handler: .*<lambda>\(\) at .*test_registry\.py:\d+ can't be called with the request: .*; let it take",
    ),
    (lambda hooks: hooks.register("access", 5), r"access handler: 5 is not callable; give a function"),
    (lambda hooks: hooks.access("/")(None), r"None is not callable"),
    (lambda hooks: hooks.access("/users/<name>")(handler), r"'/users/<name>' holds '<'.*re\.compile"),
    (lambda hooks: hooks.access("/users/{name}")(handler), r"'/users/\{name\}' holds '\{'.*re\.compile"),
    (lambda hooks: hooks.access("admin")(handler), r"'admin' does not start with '/': write '/admin'"),
    (lambda hooks: hooks.access("")(handler), r"'' does not start with '/'"),
    (lambda hooks: hooks.access("/a//b")(handler), r"can never match a normalised path: write '/a/b'"),
    (lambda hooks: hooks.access("/../b")(handler), r"can never match: the path climbs"),
    (lambda hooks: hooks.access(5)(handler), r"location 5 is neither a path nor a compiled regular expression"),
    (
        lambda hooks: hooks.access(re.compile(b"x"))(handler),
        r"neither a path nor a compiled regular expression of text",
    ),
    (lambda hooks: hooks.access(exact=True)(handler), r"exact=True goes with a location that is a path"),
    (
        lambda hooks: hooks.access(re.compile("x"), exact=True)(handler),
        r"exact=True goes with a location that is a path",
    ),
    (lambda hooks: hooks.access(methods=[])(handler), r"methods=\[\]: give one or several names"),
    (lambda hooks: hooks.access(methods=[""])(handler), r"methods="),
    (lambda hooks: hooks.access(methods=[5])(handler), r"methods="),
    (lambda hooks: hooks.access(methods=5)(handler), r"methods=5"),
    (lambda hooks: hooks.access(methods="GET POST")(handler), r"'GET POST' is no HTTP method; write methods="),
    (lambda hooks: hooks.access(hosts="")(handler), r"hosts=''"),
    (lambda hooks: hooks.access(hosts="a b")(handler), r"'a b' is no host name; write 'www.example.org'"),
    (lambda hooks: hooks.access(hosts="*.example.org")(handler), r"is no host name"),
    (lambda hooks: hooks.access(directory=5)(handler), r"directory=5"),
    (lambda hooks: hooks.access(files="")(handler), r"files='': give a shell pattern such as"),
    (lambda hooks: hooks.access(files=5)(handler), r"files=5: give a shell pattern"),
    (lambda hooks: hooks.access(endpoint="")(handler), r"endpoint=''"),
    (lambda hooks: hooks.access(when=5)(handler), r"when=5 is not callable; give a function of the request"),
    (lambda hooks: hooks.access(when=lambda: 1)(handler), r"when: .* can't be called with the request"),
    (lambda hooks: hooks.access(when=_async_when)(handler), r"when must be a plain function"),
    (lambda hooks: hooks.access(when=_AsyncWhen())(handler), r"when must be a plain function"),
    (lambda hooks: hooks.access(order=5)(handler), r"order=5: it is one of Order.REALLY_FIRST"),
    (lambda hooks: hooks.access(order="frist")(handler), r"order='frist'"),
    (lambda hooks: hooks.access(before=5)(handler), r"before=5: give handlers or their names"),
    (lambda hooks: hooks.access(after=[5])(handler), r"after=\[5\]: give handlers or their names"),
    (lambda hooks: hooks.access(requires=[None])(handler), r"requires=\[None\]"),
    (lambda hooks: hooks.section(without=5), r"without=5"),
    (lambda hooks: hooks.section(authentication="maybe"), r"authentication='maybe': it is 'required' or 'optional'"),
    (
        lambda hooks: hooks.section(authorization="al"),
        r"authorization='al': it is 'any' or 'all' \(did you mean 'all'\?\)",
    ),
    (lambda hooks: hooks.section(satisfy=5), r"satisfy=5: it is 'all' or 'any'"),
    (lambda hooks: hooks.section(public="yes"), r"public='yes': it is True or False"),
    (lambda hooks: hooks.section(challenge=[]), r"challenge=\[\]: write challenge='Basic realm="),
    (lambda hooks: hooks.section(challenge=5), r"challenge=5\b"),
    (lambda hooks: hooks.section(challenge="a\nb"), r"can't be sent in a header"),
    (lambda hooks: hooks.section(challenge=[""]), r"can't be sent in a header"),
    (lambda hooks: hooks.section(options=5), r"options=5: it is a mapping that handlers read as req.options"),
    (lambda hooks: hooks.section(error_document={200: "x"}), r"error documents are for statuses from 400 to 599"),
    (lambda hooks: hooks.section(error_document={404: 5}), r"target 5: give a URI"),
    (lambda hooks: hooks.error_document(404, lambda: 1), r"error_document: .*can't be called with the request"),
    (
        lambda hooks: hooks.output_filter(handler),
        r"output_filter: .*can't be called with the request and the stream or response",
    ),
    (
        lambda hooks: hooks.input_filter(lambda req, stream: stream, method="GET"),
        r"input_filter: there is no 'method' \(did you mean 'methods'\?\)",
    ),
    (lambda hooks: hooks.output_filter(methds="GET")(lambda req, response: None), r"there is no 'methds'"),
    (lambda hooks: hooks.include(5), r"include\(5\): give a HookChain"),
    (lambda hooks: hooks.include(hooks.section("/a")), r"give a HookChain"),
    (lambda hooks: hooks.include(hooks), r"includes this one already"),
    (
        lambda hooks: hooks.include(HookChain(), "/a", hots="x"),
        r"include: there is no 'hots' \(did you mean 'hosts'\?\)",
    ),
]


async def _async_when(req):
    return True


class _AsyncWhen:
    async def __call__(self, req):
        return True


@pytest.mark.parametrize(("wrong", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_wrong_by_itself_is_refused_with_what_where_and_the_remedy(wrong, message):
    with pytest.raises(DeclarationError, match=message):
        wrong(HookChain())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"document_root": ""}, "document_root='': give the path of a folder"),
        ({"document_root": 5}, "document_root=5"),
        ({"closed": 1}, "closed=1: it is True or False"),
        ({"debug": None}, "debug=None"),
        ({"max_body": -1}, "max_body=-1: give a number of bytes, or None"),
        ({"max_body": True}, "max_body=True"),
        ({"max_body": 1.5}, "max_body=1.5"),
        ({"cleanup_timeout": 0}, "cleanup_timeout=0: give a number of seconds above 0"),
        ({"cleanup_timeout": "5"}, "cleanup_timeout='5'"),
        ({"cleanup_timeout": True}, "cleanup_timeout=True"),
        ({"index": "a/b"}, "index='a/b': give names of files"),
        ({"index": [".hidden"]}, "index="),
        ({"index": 5}, "index=5"),
        ({"access_log": "combind"}, "did you mean 'combined'"),
        ({"satisfy": "none"}, "satisfy='none'"),
    ],
)
def test_a_setting_of_a_chain_that_can_not_be_meant_is_refused(options, message):
    with pytest.raises(DeclarationError, match=re.escape(message)):
        HookChain(**options)


def test_settings_are_kept_as_requests_ask_for_them(tmp_path):
    hooks = HookChain(
        "site", document_root=tmp_path, closed=True, debug=True, max_body=5, trace_method=True, index=["a.html"]
    )
    assert (hooks.name, hooks.document_root, hooks.closed, hooks.debug) == ("site", str(tmp_path), True, True)
    assert (hooks.max_body, hooks.trace_method, hooks.settings.index) == (5, True, ("a.html",))
    assert hooks.settings.cleanup_timeout == 5.0
    assert repr(hooks) == "<HookChain 'site'>"
    assert HookChain(document_root=None).document_root is None


# --- compiled


LATE = [
    lambda hooks, section: hooks.access(handler),
    lambda hooks, section: section.access(handler),
    lambda hooks, section: hooks.section("/late"),
    lambda hooks, section: section.section("/late"),
    lambda hooks, section: hooks.include(HookChain()),
    lambda hooks, section: hooks.error_document(404, "late"),
    lambda hooks, section: hooks.output_filter(lambda req, response: None),
    lambda hooks, section: hooks.load(Guards(403)),
]


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("compiled_by", ["compile", "first request"])
def test_registering_after_the_chain_was_compiled_is_an_error_that_says_so_and_where(late, compiled_by):
    hooks = quiet("site")
    section = hooks.section("/in")
    if compiled_by == "compile":
        hooks.compile()
    else:
        by_handle(hooks)
    with pytest.raises(
        AlreadyCompiledError, match=r"test_registry\.py:\d+: the chain 'site' has been compiled.*import time"
    ):
        late(hooks, section)


def test_compiling_compiles_the_included_chains_too():
    inner = HookChain("inner")
    hooks = HookChain()
    hooks.include(inner, "/in")
    hooks.compile()
    hooks.compile()
    with pytest.raises(AlreadyCompiledError, match="'inner'"):
        inner.access(handler)


def test_everything_that_is_wrong_with_a_chain_is_reported_at_once():
    hooks = HookChain()
    hooks.access(handler, requires="nobody")
    hooks.fixup(handler, requires="nobody else")
    with pytest.raises(CompileError) as caught:
        hooks.compile()
    assert len(caught.value.problems) >= 2
    assert hooks.problems() == list(caught.value.problems)
    assert all(isinstance(problem, Problem) and problem.places for problem in caught.value.problems)
    assert "nobody else" in str(caught.value)


# --- sections, include, nesting


def test_a_section_has_every_registering_method_that_a_chain_has():
    section = HookChain().section("/a")
    assert isinstance(section, Section)
    for name in (
        *PHASE_NAMES,
        "register",
        "section",
        "include",
        "load",
        "input_filter",
        "output_filter",
        "error_document",
    ):
        assert callable(getattr(section, name))


def test_sections_nest_and_locations_count_from_the_section_around(ask):
    hooks = quiet()
    hooks.section("/a").section("/b").access("/c")(lambda req: 403)
    hooks.section("/a/").section("/").access("/d/")(lambda req: 402)
    assert [ask(hooks, path).status for path in ("/a/b/c", "/a/b/c/x", "/a/b", "/b/c", "/a/d")] == [
        403,
        403,
        404,
        404,
        402,
    ]


def test_include_puts_another_chain_under_a_location_and_chains_nest(ask):
    innermost = quiet("innermost")
    innermost.content("/page")(lambda req: f"page {req.path}")
    inner = quiet("inner", options={"colour": "red"})
    inner.include(innermost, "/b")
    inner.access(lambda req: 403 if req.options.get("colour") != "red" else None)
    hooks = quiet()
    hooks.include(inner, "/a", methods=["GET"])
    assert ask(hooks, "/a/b/page").text == "page /a/b/page"
    assert ask(hooks, "/b/page").status == 404
    assert ask(hooks, "/a/b/page", "POST").status == 405


def test_chains_can_not_include_each_other():
    inner, outer = HookChain(), HookChain()
    outer.section("/a").include(inner)
    with pytest.raises(DeclarationError, match="includes this one already"):
        inner.include(outer)


def test_a_chain_without_location_is_included_everywhere(ask):
    inner = quiet()
    inner.access(lambda req: 403)
    hooks = quiet()
    hooks.section("/in").include(inner)
    assert ask(hooks, "/in/x").status == 403
    assert ask(hooks, "/").status == 404


def test_options_are_merged_from_the_outside_in(ask):
    hooks = quiet(options={"a": 1, "b": 1})
    hooks.section("/in", options={"b": 2}).section("/", when=lambda req: "x" in req.args, options={"c": 3})
    hooks.content(lambda req: dict(req.options))
    assert ask(hooks).text == '{"a": 1, "b": 1}'
    assert ask(hooks, "/in").text == '{"a": 1, "b": 2}'
    assert ask(hooks, "/in?x").text == '{"a": 1, "b": 2, "c": 3}'


def test_without_switches_handlers_of_outer_sections_off_by_function_or_name(ask):
    hooks = quiet()
    refuse = lambda req: 403  # noqa: E731
    hooks.access(refuse)
    hooks.fixup(lambda req: 402, name="the fixup")
    hooks.section("/open", without=refuse)
    section = hooks.section("/all", without=[refuse, "the fixup"])
    section.access("/own")(refuse)
    assert [ask(hooks, path).status for path in ("/", "/open", "/all", "/all/own")] == [403, 402, 404, 403]


# --- replaced


def test_a_handler_is_replaced_for_a_while_by_function_or_name_also_after_compile(ask):
    hooks = quiet()
    hooks.access("/in")(handler)
    assert ask(hooks, "/in").status == 404
    for reference in (handler, f"{__name__}.handler"):
        with hooks.replaced(reference, lambda req: 418):
            assert ask(hooks, "/in").status == 418
            assert ask(hooks, "/").status == 404
            with hooks.replaced(handler, lambda req: 402):
                assert ask(hooks, "/in").status == 402
            assert ask(hooks, "/in").status == 418
        assert ask(hooks, "/in").status == 404


def test_a_fake_takes_the_place_of_its_original_in_order_and_in_without(ask):
    ran = Calls()
    first, second = ran.handler("first"), ran.handler("second")
    hooks = quiet()
    hooks.access(second, after=first)
    hooks.access(first, order=Order.LAST)
    hooks.section("/open", without=first)
    with hooks.replaced(first, ran.handler("fake")):
        ask(hooks, "/")
        ask(hooks, "/open")
    assert ran == ["fake", "second", "second"]


def test_a_fake_that_can_not_be_called_or_has_no_original_is_refused():
    hooks = quiet()
    hooks.access(handler)
    hooks.output_filter(lambda req, response: None, name="filter")
    with (
        pytest.raises(DeclarationError, match=r"no such handler \(did you mean '.*handler'\?\)"),
        hooks.replaced(f"{__name__}.handlr", handler),
    ):
        pass
    with pytest.raises(DeclarationError, match="no such handler"), hooks.replaced(lambda req: 1, handler):
        pass
    with pytest.raises(DeclarationError, match="can't be called"), hooks.replaced(handler, lambda: 1):
        pass
    with hooks.replaced("filter", lambda req, response: response.headers.add("X-Fake", "1")):
        assert by_handle(hooks).headers["X-Fake"] == "1"


def test_the_original_is_back_when_the_test_fails():
    hooks = quiet()
    hooks.access(handler)
    with pytest.raises(LookupError), hooks.replaced(handler, lambda req: OK):
        raise LookupError
    assert by_handle(hooks).status == 404
