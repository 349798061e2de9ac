"""Chains from mappings and TOML files: what they may hold, and what is said about what they may not."""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hookchain import DECLINED, OK, AccessLog, AlreadyCompiledError, ConfigError, HookChain, Order, Phase
from hookchain.dotted import import_dotted
from hookchain.mark import access, content
from hookchain.testing import make_request
from tests.asking import quiet

APP = "configured_app"


def office_only(req):
    return None if req.remote_addr == "192.0.2.1" else 403


def by_token(req):
    req.user = req.headers.get("X-Token")
    return DECLINED if req.user is None else OK


def hello(req):
    return "hello"


def is_late(req):
    return req.args.get("late")


def add_header(req, response):
    response.headers["X-Filtered"] = "yes"
    return response


class Limit:
    """A handler with options."""

    def __init__(self, rate, *, burst=1, location=None):
        if rate == "never":
            raise ValueError("never is no rate")
        self.rate, self.burst, self.location = rate, burst, location

    def __call__(self, req):
        return 429 if req.args.get("rate") == self.rate else None


class Anything:
    def __init__(self, **options):
        self.options = options

    def __call__(self, req):
        return 418 if self.options else None


class Marked:
    """A namespace of marked handlers with options."""

    def __init__(self, text="marked"):
        self.text = text

    @content("/marked")
    def show(self, req):
        return self.text

    @access("/marked/closed")
    def close(self, req):
        return 403


class Lazy:
    def __getattr__(self, name):
        raise RuntimeError(f"no {name} today")


@pytest.fixture(autouse=True)
def app(monkeypatch):
    """A module that configurations name."""
    module: Any = types.ModuleType(APP)
    for thing in (office_only, by_token, hello, is_late, add_header, Limit, Anything, Marked):
        setattr(module, thing.__name__, thing)
    module.lazy = Lazy()
    module.number = 5
    module.api = quiet("api")
    module.api.content("/hello")(hello)
    monkeypatch.setitem(sys.modules, APP, module)
    return module


def configured(mapping, **options):
    chain = quiet(**options)
    chain.configure(mapping)
    return chain


def refused(mapping):
    with pytest.raises(ConfigError) as caught:
        configured(mapping)
    return caught.value


def status(chain, path, method="GET", **options):
    response = chain.handle(make_request(path, method, **options))
    response.close()
    return response.status_code


def text(chain, path, **options):
    response = chain.handle(make_request(path, **options))
    try:
        return response.get_data(as_text=True)
    finally:
        response.close()


# --- what a configuration does


@pytest.mark.parametrize("name", [f"{APP}:hello", f"{APP}.hello"])
def test_a_phase_takes_a_dotted_name_in_both_spellings(name):
    assert text(configured({"content": name}), "/") == "hello"


def test_a_phase_takes_several_entries_in_their_order():
    chain = configured({"access": [f"{APP}:office_only", {"use": f"{APP}:Limit", "rate": "1"}]})
    assert next(entry.handler.function for entry in chain.plan.tree.entries) is office_only
    assert status(chain, "/?rate=1", remote_addr="192.0.2.1") == 429
    assert status(chain, "/?rate=1") == 403


@pytest.mark.parametrize("phase", [*(phase.value for phase in Phase), "init"])
def test_each_phase_can_be_configured(phase):
    (entry,) = configured({phase: f"{APP}:by_token"}).plan.tree.entries
    assert entry.kind is (Phase.POST_READ_REQUEST if phase == "init" else Phase[phase.upper()])


def test_filters_can_be_configured_with_scope():
    chain = configured({"content": f"{APP}:hello", "output_filter": {"use": f"{APP}:add_header", "location": "/f"}})
    assert "X-Filtered" in chain.handle(make_request("/f")).headers
    assert "X-Filtered" not in chain.handle(make_request("/g")).headers


def test_the_table_of_a_function_holds_scope_and_order():
    chain = configured(
        {
            "content": f"{APP}:hello",
            "access": {
                "use": f"{APP}:office_only",
                "location": "/office",
                "exact": True,
                "methods": ["GET"],
                "hosts": "example.org",
                "when": f"{APP}.is_late",
                "order": "really_first",
                "before": "x",
                "after": ["y", "z"],
                "name": "office",
                "blocking": False,
                "allow_duplicate": True,
            },
        }
    )
    declaration = chain.items[1]
    assert (declaration.order, declaration.before, declaration.after) == (Order.REALLY_FIRST, ("x",), ("y", "z"))
    assert (declaration.handler.name, declaration.handler.blocking) == ("office", False)
    assert declaration.allow_duplicate
    assert status(chain, "/office?late=1", headers={"Host": "example.org"}) == 403
    assert status(chain, "/office", headers={"Host": "example.org"}) == 200
    assert status(chain, "/office?late=1") == 200
    assert status(chain, "/office/x?late=1", headers={"Host": "example.org"}) == 200
    assert status(chain, "/office?late=1", "POST", headers={"Host": "example.org"}) == 200


def test_a_handler_may_require_another_by_name():
    chain = configured(
        {
            "access": [
                {"use": f"{APP}:office_only", "requires": "limit"},
                {"use": f"{APP}:Limit", "rate": 1, "name": "limit"},
            ]
        }
    )
    assert [handler.name for handler in chain.plan.find("/", "GET", None).runs[Phase.ACCESS].fixed.handlers] == [
        "limit",
        f"{__name__}.office_only",
    ]


def test_a_class_is_made_with_the_keys_that_are_no_keys_of_registration():
    chain = configured({"access": {"use": f"{APP}:Limit", "rate": "1", "burst": 3, "order": "last", "methods": "GET"}})
    (declaration,) = chain.items
    assert (declaration.handler.function.rate, declaration.handler.function.burst) == ("1", 3)
    assert declaration.order is Order.LAST
    assert declaration.scope.methods == {"GET", "HEAD"}


def test_a_scope_key_that_a_class_names_as_its_argument_is_its_argument():
    (declaration,) = configured({"access": {"use": f"{APP}:Limit", "rate": 1, "location": "/x"}}).items
    assert declaration.handler.function.location == "/x"
    assert declaration.scope.is_empty


def test_a_class_that_takes_any_argument_gets_those_that_register_does_not_take():
    (declaration,) = configured({"access": {"use": f"{APP}:Anything", "x": 1, "location": "/x"}}).items
    assert declaration.handler.function.options == {"x": 1}
    assert declaration.scope.location == "/x"


def test_a_class_without_a_table_is_made_without_arguments():
    assert isinstance(configured({"access": f"{APP}:Anything"}).items[0].handler.function, Anything)


def test_a_class_that_does_not_tell_its_arguments_is_tried():
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(dict)
    assert refused({"access": {"use": "builtins:dict", "x": 1}}).key == "access.use"
    assert "making builtins.range with x raised TypeError" in str(refused({"load": {"use": "builtins:range", "x": 1}}))


def test_a_mapping_may_hold_the_things_themselves():
    chain = configured(
        {
            "content": hello,
            "access": [{"use": Limit, "rate": "1"}],
            "load": Marked("own"),
            "include": quiet("other"),
            "section": {
                "location": re.compile("/late$"),
                "when": is_late,
                "access": {"use": office_only, "order": Order.FIRST},
            },
            "access_log": AccessLog("%h"),
        }
    )
    assert text(chain, "/") == "hello"
    assert text(chain, "/marked") == "own"
    assert status(chain, "/x/late?late=1") == 403
    assert status(chain, "/x/late") == 200
    assert chain.access_log.format == "%h"


def test_load_takes_modules_classes_and_classes_with_arguments(app):
    app.marked = Marked("instance")
    assert text(configured({"load": f"{APP}:Marked"}), "/marked") == "marked"
    assert text(configured({"load": [f"{APP}:marked"]}), "/marked") == "instance"
    assert text(configured({"load": {"use": f"{APP}:Marked", "text": "given"}}), "/marked") == "given"


def test_load_looks_at_functions_alone(app):
    class Elsewhere(Marked):
        @property
        def connection(self):
            raise RuntimeError("nobody asked")

    app.stub = mock.Mock()
    app.show = content("/module")(lambda req: "module")
    assert text(configured({"load": APP}), "/module") == "module"  # and app.lazy raises whatever it is asked for
    assert text(configured({"load": Elsewhere()}), "/marked") == "marked"


def test_include_puts_a_chain_under_a_scope():
    chain = configured({"include": [{"use": f"{APP}:api", "location": "/api", "methods": ["GET"]}]})
    assert status(chain, "/api/hello") == 200
    assert status(chain, "/hello") == 404
    assert status(configured({"include": f"{APP}.api"}), "/hello") == 200


def test_sections_nest_and_take_scope_options_handlers_and_load():
    chain = configured(
        {
            "content": f"{APP}:hello",
            "section": [
                {
                    "location": "/admin",
                    "challenge": "Basic",
                    "options": {"level": 1},
                    "authen": f"{APP}:by_token",
                    "load": f"{APP}:Marked",
                    "section": [
                        {"location": "/open", "public": True},
                        {"location_match": r"/(?P<id>\d+)$", "access": f"{APP}:office_only"},
                    ],
                }
            ],
        }
    )
    assert chain.handle(make_request("/admin")).headers["WWW-Authenticate"] == "Basic"
    assert (status(chain, "/admin"), status(chain, "/admin/open"), status(chain, "/admin/7")) == (401, 200, 403)
    assert text(chain, "/admin/marked", headers={"X-Token": "t"}) == "marked"
    assert status(chain, "/admin/marked") == 401
    assert chain.plan.find("/admin/7", "GET", None).nodes[-1].path_params("/admin/7") == {"id": "7"}


def test_error_documents_are_uris_texts_and_handlers():
    chain = configured(
        {
            "content": {"use": f"{APP}:hello", "location": "/missing.html"},
            "access": {"use": f"{APP}:office_only", "location": "/office"},
            "error_document": {"404": "/missing.html", "403": {"use": f"{APP}:hello"}},
            "section": {"location": "/s", "error_document": "sorry"},
        }
    )
    assert (status(chain, "/x"), text(chain, "/x")) == (404, "hello")
    assert (status(chain, "/office"), text(chain, "/office")) == (403, "hello")
    assert text(chain, "/s/x") == "sorry"
    assert text(configured({"error_document": {"use": f"{APP}:hello"}}), "/x") == "hello"
    assert text(configured({"error_document": {404: "number"}}), "/x") == "number"


def test_settings_that_were_given_before_stay_unless_given_anew():
    chain = quiet("old", closed=True, max_body=5, index=["a.html"])
    chain.configure({"max_body": 6, "name": "new"})
    assert (chain.name, chain.closed, chain.max_body, chain.settings.index) == ("new", True, 6, ("a.html",))
    assert chain.access_log is None
    assert repr(chain) == "<HookChain 'new'>"
    chain.configure({"index": "b.html", "max_body": None})
    assert (chain.max_body, chain.settings.index) == (None, ("b.html",))


def test_options_that_were_given_before_stay_and_mappings_are_merged():
    chain = quiet(challenge="Basic", options={"a": 1, "b": 1}, without="x", satisfy="any")
    chain.configure({"options": {"b": 2}, "without": ["y"], "satisfy": "all", "authorization": None})
    options = chain.section_options
    assert options.options == {"a": 1, "b": 2}
    assert options.without == ("x", "y")
    assert (options.challenge, options.satisfy, options.authorization) == (("Basic",), "all", None)


def test_what_was_registered_before_stays():
    chain = quiet()
    chain.content("/code")(hello)
    chain.configure({"access": {"use": f"{APP}:office_only", "location": "/file"}})
    assert (status(chain, "/code"), status(chain, "/file")) == (200, 403)


def test_configuring_a_compiled_chain_is_an_error_that_says_so():
    chain = quiet()
    chain.compile()
    with pytest.raises(AlreadyCompiledError, match="has been compiled"):
        chain.configure({"closed": True})
    assert chain.closed is False


def test_the_access_log_is_switched_off_and_on():
    chain = HookChain(access_log=True)
    usual = chain.access_log
    chain.configure({"access_log": False})
    assert chain.access_log is None
    chain.configure({"access_log": True})
    assert chain.access_log is usual


# --- files


def in_file(tmp_path, toml, **options):
    file = tmp_path / "hookchain.toml"
    file.write_bytes(toml if isinstance(toml, bytes) else toml.encode())
    chain = quiet(**options)
    chain.configure_file(file)
    return chain


def test_a_file_configures_what_a_mapping_does(tmp_path):
    chain = in_file(
        tmp_path,
        f"""
        content = "{APP}:hello"
        closed = true

        [error_document]
        403 = "no"

        [[section]]
        location = "/open"
        public = true

        [[section.section]]
        location = "/office"
        access = [{{use = "{APP}.office_only", methods = ["GET"]}}]
        """,
    )
    assert (status(chain, "/"), text(chain, "/")) == (403, "no")
    assert status(chain, "/open") == 200
    assert status(chain, "/open/office") == 403
    assert status(chain, "/open/office", "POST") == 200


def test_a_byte_order_mark_is_passed_over(tmp_path):
    assert in_file(tmp_path, b"\xef\xbb\xbfclosed = true\n").closed


def test_relative_paths_in_a_file_count_from_its_folder(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.txt").write_text("file")
    monkeypatch.chdir("/")
    chain = in_file(tmp_path, 'document_root = "site"\naccess_log = {to = "access.log", format = "%m %U"}\n')
    assert chain.document_root == str(tmp_path / "site")
    assert text(chain, "/a.txt") == "file"
    assert (tmp_path / "access.log").read_text() == "GET /a.txt\n"


def test_absolute_paths_in_a_file_and_paths_in_a_mapping_stay(tmp_path, monkeypatch):
    assert in_file(tmp_path, f"document_root = {json.dumps(str(tmp_path))}").document_root == str(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert configured({"document_root": "site"}).document_root == str(tmp_path / "site")


def test_a_section_of_a_file_is_placed_by_file_and_key(tmp_path):
    chain = in_file(tmp_path, 'section = [{location = "/a"}, {location = "/b", section = {without = "x"}}]')
    (problem,) = chain.problems()
    assert problem.code == "without-unknown"
    assert problem.places == (f"{tmp_path / 'hookchain.toml'}: section[1].section",)


def test_an_access_log_may_be_a_table_with_a_condition_or_a_thing(tmp_path, app):
    app.log = AccessLog("%m")
    assert configured({"access_log": {"use": f"{APP}:log"}}).access_log is app.log
    chain = configured({"access_log": {"to": str(tmp_path / "log"), "format": "%U", "when": f"{APP}:is_late"}})
    for path in ("/a", "/b?late=1"):
        status(chain, path)
    assert (tmp_path / "log").read_text() == "/b\n"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (b"closed true\n", r"line 1, column 8"),
        (b"closed = true\n\n[[section]\n", r"line 3, column 1"),
        (b'a = "x"\na = "y"\n', r"line 2"),
        (b"closed = true\nname = '\xff'\n", r"not UTF-8 \(at line 2\)"),
        (b"max_body = " + b"9" * 5000, "no valid TOML"),
        (b"options = " + b"[" * 5000, "no valid TOML"),
    ],
    ids=["statement", "header", "twice", "bytes", "digits", "depth"],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, toml, said):
    with pytest.raises(ConfigError, match=said) as caught:
        in_file(tmp_path, toml)
    assert (caught.value.file, caught.value.key) == (str(tmp_path / "hookchain.toml"), None)


@pytest.mark.parametrize(("name", "said"), [("missing.toml", "No such file"), (".", "Is a directory")])
def test_what_is_no_file_is_refused(tmp_path, name, said):
    with pytest.raises(ConfigError, match=said) as caught:
        quiet().configure_file(str(tmp_path / name))
    assert caught.value.file == str(tmp_path / name)


def test_an_error_in_a_file_names_file_and_key(tmp_path):
    with pytest.raises(ConfigError) as caught:
        in_file(tmp_path, '[[section]]\nlocation = "/a"\n[[section]]\nmethods = ["GE T"]\n')
    assert caught.value.file == str(tmp_path / "hookchain.toml")
    assert caught.value.key == "section[1].methods"
    assert str(caught.value).startswith(f"{tmp_path / 'hookchain.toml'}: section[1].methods: ")


# --- what is refused


@pytest.mark.parametrize(
    ("mapping", "key", "nearest", "said"),
    [
        # keys
        ({"accesz": "x"}, "accesz", "access", "no such key"),
        ({"document-root": "x"}, "document-root", "document_root", "no such key"),
        ({"AUTHEN": "x"}, "AUTHEN", "authen", "no such key"),
        ({"PythonHandler": "x"}, "PythonHandler", "content", "no such key"),
        ({"access_checker": "x"}, "access_checker", "access", "no such key"),
        ({"qqq": "x"}, "qqq", None, "no such key; the keys here are name, "),
        ({"section": [{}, {"methodz": []}]}, "section[1].methodz", "methods", "no such key"),
        ({"section": {"closed": True}}, "section.closed", None, "at the top"),
        ({"section": {"name": "x"}}, "section.name", None, "at the top"),
        ({"location": "/x"}, "location", None, r"\[\[section\]\]"),
        ({"access": {"use": f"{APP}:hello", "oder": "first"}}, "access.oder", "order", "no such key"),
        ({"include": {"use": f"{APP}:api", "order": "first"}}, "include.order", None, "no such key; the keys here "),
        ({"load": {"use": f"{APP}:api", "order": "first"}}, "load.order", None, "no such key"),
        ({"access_log": {"fields": {}, "fromat": "%h"}}, "access_log.fromat", "format", "no such key"),
        ({5: "x"}, None, None, "key 5 is not text"),
        ({"access": {"use": f"{APP}:hello", 5: 1}}, "access", None, "key 5 is not text"),
        # names
        ({"access": f"{APP}:helo"}, "access", "hello", f"the module '{APP}' has no attribute 'helo'"),
        ({"access": f"{APP}.Marked.shw"}, "access", "show", "'Marked' has no attribute 'shw'"),
        ({"access": f"{APP}.lazy.x"}, "access", None, r"raised RuntimeError at .*test_config.py:\d+: no x today"),
        ({"access": f"{APP}_2:hello"}, "access", None, f"no module '{APP}_2'"),
        ({"access": "os.pathh:join"}, "access", None, "no module 'os.pathh'"),
        ({"access": "xml.domm:parse"}, "access", "xml.dom", "no module 'xml.domm'"),
        ({"access": "xml.domm.parse"}, "access", "dom", "module 'xml' has no attribute 'domm'"),
        ({"access": "jsonn:loads"}, "access", "json", "no module 'jsonn'"),
        ({"access": [f"{APP}:hello", "no name"]}, "access[1]", None, "no dotted name"),
        ({"access": "os:"}, "access", None, "no dotted name"),
        ({"access": ""}, "access", None, "no dotted name"),
        ({"access": {"use": f"{APP}:helo"}}, "access.use", "hello", "no attribute"),
        ({"section": {"when": f"{APP}:is_lat"}}, "section.when", "is_late", "no attribute"),
        # entries
        ({"access": 5}, "access", None, "5 is no entry"),
        ({"access": None}, "access", None, "None is no entry"),
        ({"access": [[f"{APP}:hello"]]}, "access[0]", None, "is no entry"),
        ({"access": {"location": "/x"}}, "access", None, "needs the key 'use'"),
        ({"access": f"{APP}:number"}, "access", None, "5 is not callable"),
        ({"access": {"use": 7}}, "access.use", None, "7 is not callable"),
        ({"access": f"{APP}:add_header"}, "access", None, "can't be called with the request"),
        ({"access": [f"{APP}:hello"] * 2}, "access[1]", None, "registered twice"),
        ({"load": f"{APP}:hello"}, "load", None, "nothing in it is marked"),
        ({"include": f"{APP}:hello"}, "include", None, "give a HookChain"),
        ({"section": ["/x"]}, "section[0]", None, "'/x' is no table"),
        ({"section": {"section": 3}}, "section.section", None, "3 is no table"),
        ([1], None, None, "is no table"),
        # constructors
        (
            {"access": {"use": f"{APP}:Limit", "rat": 1}},
            "access.rat",
            "rate",
            "has no argument 'rat'; it takes rate, burst",
        ),
        ({"access": {"use": f"{APP}:Limit", "rate": 1, "methodz": 1}}, "access.methodz", "methods", "no argument"),
        ({"access": f"{APP}:Limit"}, "access", None, "missing a required argument: 'rate'"),
        (
            {"access": {"use": f"{APP}:Limit", "rate": "never"}},
            "access",
            None,
            "with rate raised ValueError: never is no rate",
        ),
        ({"load": {"use": f"{APP}:Marked", "order": 1}}, "load.order", None, "no argument 'order'; it takes text"),
        ({"load": {"use": "builtins:object", "x": 1}}, "load.x", None, "no argument 'x'; it takes none"),
        ({"access": {"use": "builtins:dict", "fromkeys": 1}}, "access.use", None, "is not callable"),
        # values
        ({"closed": 1}, "closed", None, "True or False"),
        ({"name": ""}, "name", None, "give a text"),
        ({"max_body": "1M"}, "max_body", None, "number of bytes"),
        ({"cleanup_timeout": 0}, "cleanup_timeout", None, "seconds"),
        ({"document_root": 5}, "document_root", None, "path of a folder"),
        ({"index": 5}, "index", None, "list of names"),
        ({"access_log": "combned"}, "access_log", None, "did you mean 'combined'"),
        ({"access_log": {"format": "combned"}}, "access_log", None, "did you mean 'combined'"),
        ({"access_log": {"format": 5}}, "access_log", None, "wrong type"),
        ({"access_log": {"format": "json", "fields": 5}}, "access_log", None, "wrong type"),
        ({"access_log": {"when": "os:sep"}}, "access_log.when", None, "'/' is not callable"),
        ({"authentication": "never"}, "authentication", None, "'required' or 'optional'"),
        ({"without": 5}, "without", None, "list of names"),
        ({"without": [5]}, "without", None, "handlers or their names"),
        ({"options": [1]}, "options", None, "a mapping"),
        ({"section": {"challenge": "a\nb"}}, "section.challenge", None, "can't be sent"),
        ({"section": {"location": "admin"}}, "section.location", None, "write '/admin'"),
        ({"section": {"location": 5}}, "section.location", None, "neither a path nor"),
        ({"section": {"exact": True}}, "section", None, "exact=True goes with a location"),
        ({"section": {"location": "/a", "exact": "yes"}}, "section.exact", None, "true or false"),
        ({"section": {"methods": {"GET": True}}}, "section.methods", None, "list of names"),
        ({"section": {"methods": 5}}, "section.methods", None, "list of names"),
        ({"section": {"hosts": [1]}}, "section.hosts", None, "names"),
        ({"section": {"directory": 5}}, "section.directory", None, "folder below document_root"),
        ({"section": {"files": 5}}, "section.files", None, "shell pattern"),
        ({"section": {"endpoint": ""}}, "section.endpoint", None, "shell pattern"),
        ({"section": {"when": f"{APP}:number"}}, "section.when", None, "not callable"),
        (
            {"section": {"location_match": "(?P<a"}},
            "section.location_match",
            None,
            r"no regular expression: .*position",
        ),
        ({"section": {"location_match": 5}}, "section.location_match", None, "a regular expression"),
        ({"section": {"location_match": "a", "location": "/b"}}, "section.location_match", None, "either"),
        ({"access": {"use": f"{APP}:hello", "order": "frist"}}, "access.order", "first", "one of really_first, first"),
        ({"access": {"use": f"{APP}:hello", "order": 10}}, "access.order", None, "one of really_first, first"),
        ({"access": {"use": f"{APP}:hello", "before": 5}}, "access.before", None, "list of names"),
        (
            {"access": {"use": f"{APP}:hello", "requires": [5]}},
            "access.requires",
            None,
            "handlers or names|their names",
        ),
        ({"access": {"use": f"{APP}:hello", "name": 5}}, "access.name", None, "it is text"),
        ({"access": {"use": f"{APP}:hello", "blocking": "no"}}, "access.blocking", None, "true or false"),
        ({"error_document": {"200": "x"}}, "error_document.200", None, "from 400 to 599"),
        ({"error_document": {"all": "x"}}, "error_document.all", None, "from 400 to 599"),
        ({"error_document": {"404": 5}}, "error_document.404", None, "5 is no entry"),
        ({"error_document": {"404": {"use": f"{APP}:nothing"}}}, "error_document.404.use", "Anything", "no attribute"),
    ],
)
def test_a_mistake_is_refused_with_its_key_and_the_nearest_name(mapping, key, nearest, said):
    error = refused(mapping)
    assert re.search(said, str(error))
    assert (error.file, error.key, error.nearest) == (None, key, nearest)


def test_a_module_that_fails_is_named_with_the_exception_and_its_line(tmp_path, monkeypatch):
    (tmp_path / "failing_app.py").write_text("x = 1\nraise ValueError('no database')\n")
    (tmp_path / "wanting_app.py").write_text("import missing_dependency\n")
    (tmp_path / "broken_app.py").write_text("def f(:\n")
    (tmp_path / "leaving_app.py").write_text("raise SystemExit('bye')\n")
    monkeypatch.syspath_prepend(tmp_path)
    place = re.escape(str(tmp_path / "failing_app.py"))
    for name, said in [
        ("failing_app:f", f"importing 'failing_app' raised ValueError at {place}:2: no database"),
        ("failing_app.f", "raised ValueError"),
        ("wanting_app:f", "importing 'wanting_app' raised ModuleNotFoundError .*No module named 'missing_dependency'"),
        ("broken_app:f", r"raised SyntaxError: invalid syntax \(broken_app.py, line 1\)"),
        ("leaving_app:f", "raised SystemExit .*bye"),
    ]:
        with pytest.raises(ConfigError, match=said) as caught:
            configured({"access": name})
        assert caught.value.__cause__ is not None


def test_a_module_that_configures_itself_while_it_is_imported_is_told_so(tmp_path, monkeypatch):
    (tmp_path / "early_app.py").write_text(
        "from hookchain import HookChain\nhooks = HookChain()\nhooks.configure({'access': 'early_app:guard'})\n"
        "def guard(req): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="has no attribute 'guard' yet, as it is still being imported"):
        import_dotted("early_app:hooks")


def test_a_dotted_name_stands_for_modules_and_nested_attributes():
    assert import_dotted("os.path") is sys.modules["os.path"]
    assert import_dotted("xml.dom.minidom:Node.ELEMENT_NODE") == 1
    assert import_dotted("xml.dom.minidom.Node.ELEMENT_NODE") == 1


@pytest.mark.parametrize(
    "mistake",
    [
        {"section": {"location": "admin"}},
        {"load": f"{APP}:hello"},
        {"max_body": "1M"},
        {"access_log": {"format": 5}},
    ],
)
def test_of_a_configuration_with_a_mistake_nothing_is_applied(mistake):
    chain = quiet("before", challenge="Basic")
    chain.content(hello)
    chain.error_document(404, "before")
    before = (chain.items[:], chain.error_documents[:], chain.settings, chain.section_options, chain.name)
    good = {
        "name": "after",
        "closed": True,
        "challenge": "Digest",
        "access": f"{APP}:office_only",
        "include": f"{APP}:api",
        "error_document": {"404": "after"},
    }
    with pytest.raises(ConfigError):
        chain.configure({**good, **mistake})
    assert (chain.items, chain.error_documents, chain.settings, chain.section_options, chain.name) == before
    assert chain.label == "before"
    chain.configure(good)
    assert chain.closed


# --- the same chain by decorators and by file

HANDLERS = {
    "access": ["office_only", "hello"],
    "authz": ["by_token", "hello"],
    "content": ["hello"],
    "log": ["is_late"],
}


def scope(dice):
    """What a section or a handler is limited to."""
    found: dict[str, Any] = {}
    if dice.random() < 0.7:
        found["location"] = "/" + "/".join(dice.choices("abc", k=dice.randint(1, 2)))
        found |= {"exact": True} if dice.random() < 0.2 else {}
    elif dice.random() < 0.3:
        found["location_match"] = dice.choice(["b$", "/[ab]/", "^/c"])
    if dice.random() < 0.3:
        found["methods"] = dice.sample(["GET", "POST", "PUT"], 2)
    if dice.random() < 0.2:
        found["hosts"] = ["one.example"]
    return found


def section_table(dice, depth=2):
    """A section with handlers, and sometimes a section inside."""
    found = scope(dice)
    is_public = dice.random() < 0.2
    found |= {"public": True} if is_public else {}
    for phase in dice.sample([phase for phase in HANDLERS if not (is_public and phase == "authz")], 2):
        order = dice.choice(["first", "middle", "last"])
        name = dice.choice(HANDLERS[phase])
        found[phase] = [{"use": f"{APP}:{name}", "order": order, "allow_duplicate": True, **scope(dice)}]
    if depth and dice.random() < 0.4:
        found["section"] = [section_table(dice, depth - 1)]
    return found


def by_decorators(registry, tables):
    module = sys.modules[APP]
    for table in tables:
        keywords = {key: table[key] for key in table if key not in {*HANDLERS, "section", "location_match"}}
        if "location_match" in table:
            keywords["location"] = re.compile(table["location_match"])
        section = registry.section(**keywords)
        for phase in filter(HANDLERS.__contains__, table):
            for entry in table[phase]:
                options = {key: entry[key] for key in entry if key not in {"use", "location_match"}}
                if "location_match" in entry:
                    options["location"] = re.compile(entry["location_match"])
                options["order"] = Order[options["order"].upper()]
                handler = getattr(module, entry["use"].partition(":")[2])
                getattr(section, phase)(options.pop("location", None), **options)(handler)
        by_decorators(section, table.get("section", ()))


def as_toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return json.dumps(value)


def what_applies(chain, path, method, host):
    selection = chain.plan.find(path, method, host)
    return {phase.name: [handler.name for handler in run.fixed.handlers] for phase, run in selection.runs.items()}, [
        node.describe() for node in selection.nodes
    ]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=True))
def test_the_same_scopes_give_the_same_chain_by_decorators_and_by_file(app, tmp_path_factory, dice):
    tables = [section_table(dice) for _ in range(25)]
    by_code = quiet()
    by_decorators(by_code, tables)
    by_file = in_file(tmp_path_factory.mktemp("toml"), f"section = {as_toml(tables)}")
    called = 0
    for _ in range(1000):
        path = "/" + "/".join(dice.choices(["a", "b", "c", "d"], k=dice.randint(0, 4)))
        method, host = dice.choice(["GET", "POST", "HEAD", "PATCH"]), dice.choice(["one.example", "two.example", None])
        expected = what_applies(by_code, path, method, host)
        assert what_applies(by_file, path, method, host) == expected
        called += any(expected[0].values())
    assert called
