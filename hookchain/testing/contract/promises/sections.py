"""Sections: what they cover, and their options."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hookchain.request import Request
from hookchain.testing.contract.case import Case, note, says

SPELLINGS = [
    *("/admin", "/admin/", "/admin/x", "//admin", "/./admin", "/x/../admin", "/admin/../admin/x", "/%61dmin"),
    *("/admin%2Fx", "/%2Fadmin", "/x/%2e%2e/admin", "/admin//", "/admin/.", "/x/..//admin?y", "/admin%2F..%2Fadmin"),
]
OTHERS = [
    "/administrator",
    "/",
    "/Admin",
    "/x/admin",
    "/admin%252F",
    "/admin;x",
    "/admin\\x",
    "/%2561dmin",
    "/admin%20",
]


class Sections(Case):
    """DESIGN 5, sections."""

    def covers(self, scope: dict[str, Any], path: str, method: str = "GET", **options: Any) -> bool:
        """Tell whether a section covers a request."""
        root = scope.pop("root", None)
        hooks = self.chain(document_root=root)
        hooks.section(**scope).header_parser(says("covered"))
        hooks.content(lambda req: "content")
        return self.ask(hooks, path, method, **options).ran == ["covered"]

    @pytest.mark.parametrize("path", SPELLINGS)
    def test_a_location_covers_itself_and_what_lies_below_in_every_spelling(self, path: str) -> None:
        assert self.covers({"location": "/admin"}, path)

    @pytest.mark.parametrize("path", OTHERS)
    def test_a_location_covers_nothing_else(self, path: str) -> None:
        assert not self.covers({"location": "/admin"}, path)

    @pytest.mark.parametrize("path", SPELLINGS)
    def test_what_a_guard_covers_is_guarded_in_every_spelling(self, path: str) -> None:
        hooks = self.chain()
        hooks.access("/admin")(says("guard", 403))
        assert self.ask(hooks, path).status == 403

    def test_an_exact_location_covers_the_path_alone(self) -> None:
        assert self.covers({"location": "/admin", "exact": True}, "//admin")
        assert not self.covers({"location": "/admin", "exact": True}, "/admin/x")

    def test_the_named_groups_of_a_regular_expression_are_path_params(self) -> None:
        hooks = self.chain()
        hooks.content(re.compile(r"/item/(?P<number>\d+)$"))(lambda req: f"number {req.path_params['number']}")
        assert self.ask(hooks, "/item/42").text == "number 42"
        assert "number" not in self.ask(hooks, "/item/x").text

    @pytest.mark.parametrize(
        ("methods", "method", "is_covered"),
        [
            *((["GET"], "GET", True), (["GET"], "HEAD", True), (["GET"], "POST", False)),
            *(
                (["POST", "PUT"], "PUT", True),
                (["HEAD"], "GET", False),
                (None, "PROPFIND", True),
                (["GET"], "get", True),
            ),
        ],
    )
    def test_methods_cover_what_they_name_and_get_covers_head(
        self, methods: list[str] | None, method: str, is_covered: Any
    ) -> None:
        assert self.covers({"methods": methods}, "/", method) is is_covered

    @pytest.mark.parametrize(
        ("host", "is_covered"),
        [
            ("a.example", True),
            ("A.Example:8080", True),
            ("a.example.", True),
            ("b.example", False),
            ("xa.example", False),
        ],
    )
    def test_hosts_are_compared_without_port_and_final_dot_in_lower_case(self, host: str, is_covered: Any) -> None:
        assert self.covers({"hosts": ["a.example"]}, "/", host=host) is is_covered

    def test_a_directory_covers_its_files_and_those_below(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "file.txt").write_text("file")
        (tmp_path / "file.txt").write_text("file")
        assert self.covers({"directory": "/in", "root": tmp_path}, "/in/file.txt")
        assert not self.covers({"directory": "/in", "root": tmp_path}, "/file.txt")

    def test_files_is_a_pattern_of_the_file_s_name(self, tmp_path: Path) -> None:
        (tmp_path / "file.txt").write_text("file")
        (tmp_path / "file.html").write_text("file")
        assert self.covers({"files": "*.txt", "root": tmp_path}, "/file.txt")
        assert not self.covers({"files": "*.txt", "root": tmp_path}, "/file.html")

    def test_a_condition_is_a_function_of_the_request(self) -> None:
        assert self.covers({"when": lambda req: "x" in req.args}, "/?x")
        assert not self.covers({"when": lambda req: "x" in req.args}, "/?y")

    def test_a_condition_that_raises_is_500(self) -> None:
        hooks = self.chain()
        hooks.access(when=lambda req: bool(1 // 0))(says("never"))
        answer = self.ask(hooks)
        assert (answer.status, answer.ran) == (500, [])

    def test_options_are_merged_from_the_outside_in(self) -> None:
        hooks = self.chain(options={"a": 1, "b": 1})
        hooks.section("/in", options={"b": 2, "c": 2}).section("/ner", options={"c": 3})
        assert self.ask(hooks, "/in/ner").req.options == {"a": 1, "b": 2, "c": 3}
        assert self.ask(hooks, "/in").req.options == {"a": 1, "b": 2, "c": 2}

    def test_without_switches_handlers_of_outer_sections_off(self) -> None:
        hooks = self.chain()
        hooks.access(says("outer"))
        hooks.section("/in", without="contract.outer").access(says("inner"))
        assert self.ask(hooks, "/in").ran == ["inner"]
        assert self.ask(hooks, "/out").ran == ["outer"]

    def test_a_handler_for_get_answers_head_without_a_body(self) -> None:
        hooks = self.chain()
        hooks.content("/page", methods=["GET"])(lambda req: "page")
        answer = self.ask(hooks, "/page", "HEAD")
        assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "4")
        assert answer.req.bytes_sent == 0

    def test_another_method_is_405_with_allow_where_nothing_stands_behind(self) -> None:
        hooks = self.chain()
        hooks.content("/page", methods=["GET"])(lambda req: "page")
        hooks.content("/page", methods=["PUT"])(lambda req: "put")
        answer = self.ask(hooks, "/page", "POST")
        if self.place.has_app:
            assert answer.headers["X-App"] == "contract"
        else:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, PUT")


class Paths(Case):
    """DESIGN 5, the one path."""

    @pytest.mark.parametrize(
        "path", ["/..", "/../x", "/x/../..", "/%2e%2e/x", "/x/%2e%2e%2f..", "/%00", "/x%00y", "/%ff"]
    )
    def test_a_path_that_can_be_none_is_400_after_post_read_request_and_before_all_else(self, path: str) -> None:
        hooks = self.chain()
        for phase in ("post_read_request", "trans", "header_parser", "access", "content", "log", "cleanup"):
            hooks.register(phase, says(phase))
        answer = self.ask(hooks, path)
        assert answer.status == 400
        assert answer.ran == ["post_read_request", "log", "cleanup"]

    def test_the_path_is_decoded_once(self) -> None:
        answer = self.ask(self.noting(), "/a%252Fb%2520c")
        assert answer.ran == ["/a%2Fb%20c"]

    def noting(self) -> Any:
        """Return a chain that notes the path."""
        hooks = self.chain()
        hooks.access(lambda req: note(req, req.path))
        hooks.content(lambda req: "content")
        return hooks

    @pytest.mark.parametrize("phase", ["post_read_request", "trans"])
    def test_a_rewrite_looks_the_sections_up_again(self, phase: str) -> None:
        hooks = self.noting()
        hooks.register(phase, lambda req: setattr(req, "path", "/x/..//admin"), "/old", name="rewrite")
        hooks.authen("/admin")(says("authen"))
        answer = self.ask(hooks, "/old")
        assert (answer.status, answer.ran) == (401, ["/admin", "authen"])

    def test_a_value_that_a_handler_sets_counts_as_decoded(self) -> None:
        hooks = self.noting()
        hooks.trans(lambda req: setattr(req, "uri", "/a%20b"))
        assert self.ask(hooks, "/old").ran == ["/a%20b"]

    def test_a_rewrite_to_what_can_be_no_path_is_400(self) -> None:
        hooks = self.noting()
        hooks.trans(lambda req: setattr(req, "path", "/../x"))
        answer = self.ask(hooks, "/old")
        assert (answer.status, answer.ran) == (400, [])

    def test_from_map_to_storage_on_the_path_is_settled(self) -> None:
        hooks = self.noting()
        hooks.map_to_storage(lambda req: setattr(req, "path", "/new"))
        answer = self.ask(hooks, "/old")
        assert answer.status == 500
        assert "InternalRedirect" in str(answer.req.exception)

    @pytest.mark.parametrize("path", ["/mount/admin", "/mount//admin", "/mount/x/../admin"])
    def test_sections_see_the_path_below_the_mount_point(self, path: str) -> None:
        hooks = self.noting()
        hooks.access("/admin")(says("guard", 403))
        below = path.removeprefix("/mount")
        answer = self.ask(hooks, below, base_url="http://localhost/mount")
        assert (answer.status, answer.ran) == (403, ["/admin", "guard"])
        assert answer.req.root_path == "/mount"

    def test_the_target_as_it_was_sent_is_kept(self) -> None:
        seen: list[str] = []
        hooks = self.noting()
        hooks.log(lambda req: seen.append(req.unparsed_uri))
        self.ask(hooks, "/a/../b%20c?x=%20&y")
        assert seen == ["/a/../b%20c?x=%20&y"] * 2

    def test_the_query_is_passed_on_as_it_was_sent(self) -> None:
        hooks = self.chain()
        hooks.content(lambda req: f"{req.query_string.decode()} {req.args.getlist('x')}")
        assert self.ask(hooks, "/?x=%20a&x=b+c&&y").text == "x=%20a&x=b+c&&y [' a', 'b c']"

    def test_who_asks_for_the_request_gets_what_was_sent(self) -> None:
        hooks = self.chain()

        @hooks.content
        def tell(req: Request) -> dict[str, Any]:
            return {
                "method": req.method,
                "path": [req.path, req.uri, req.full_path, req.url],
                "header": req.headers["X-Own"],
                "cookies": req.cookies,
                "from": req.remote_addr,
                "server": req.server,
                "length": req.content_length,
                "type": req.content_type,
            }

        headers = {"X-Own": "v\u00e9lue", "Cookie": "a=1; b=2"}
        answer = self.ask(
            hooks, "/x?y", "PUT", headers=headers, json={"a": 1}, remote_addr="192.0.2.7", host="a.example"
        )
        assert '"from": "192.0.2.7"' in answer.text
        assert "http://a.example/x?y" in answer.text
