"""The one path: decoded and normalised once, so that no spelling gets past a section."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hookchain import Request, paths
from hookchain.paths import BadPathError, normalise
from hookchain.testing import make_request
from tests import strategies
from tests.asking import quiet


@pytest.mark.parametrize(
    ("spelt", "canonical"),
    [
        ("/", "/"),
        ("//", "/"),
        ("/a//b", "/a/b"),
        ("//a///b//", "/a/b/"),
        ("/a/./b", "/a/b"),
        ("/./", "/"),
        ("/.", "/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/b/../", "/a/"),
        ("/a/", "/a/"),
        ("/...", "/..."),
        ("/..a/b..", "/..a/b.."),
        ("/a\\..\\b", "/a\\..\\b"),
        ("/a;x=1/b", "/a;x=1/b"),
        ("/A", "/A"),
        ("/e\u0301", "/e\u0301"),
        ("/%2e%2e/", "/%2e%2e/"),
    ],
)
def test_slashes_are_merged_and_dots_resolved_and_nothing_else_is_translated(spelt, canonical):
    assert normalise(spelt) == canonical


@pytest.mark.parametrize(
    "path", ["", "a", "*", "/..", "/../a", "/a/../..", "/a/../../b", "/a\x00b", "/\udcff", "/a//../..//.."]
)
def test_what_climbs_above_the_root_or_holds_nul_or_no_utf_8_is_no_path(path):
    with pytest.raises(BadPathError):
        normalise(path)


@given(strategies.paths())
def test_normalising_twice_is_normalising_once(path):
    try:
        canonical = normalise(path)
    except BadPathError:
        return
    assert normalise(canonical) == canonical
    segments = canonical[1:].split("/")
    assert not {".", ".."} & set(segments)
    assert "" not in segments[:-1]


@given(strategies.paths())
def test_a_path_leads_where_walking_its_segments_leads(path):
    place: list[str] = []
    climbed = False
    for segment in path.split("/"):
        if segment == "..":
            climbed = climbed or not place
            place = place[:-1]
        elif segment not in {"", "."}:
            place.append(segment)
    try:
        canonical = normalise(path)
    except BadPathError:
        assert climbed
        return
    assert not climbed
    assert [segment for segment in canonical.split("/") if segment] == place


@given(strategies.locations(), strategies.locations(), st.data())
def test_a_covered_path_stays_covered_under_every_spelling(location, rest, data):
    assume(location != "/")
    ran: list[str] = []
    hooks = quiet()
    hooks.access(location)(lambda req: ran.append(req.path) or 403)
    spelt = ""
    for segment in (location + rest).rstrip("/").split("/")[1:]:
        spelt += data.draw(st.sampled_from(["/", "//", "/./", "/x/../", "/x//.././"]))
        spelt += data.draw(st.sampled_from([quote(segment), "".join(f"%{byte:02X}" for byte in segment.encode())]))
    req = make_request(spelt)
    response = hooks.handle(req)
    response.close()
    assert response.status_code == 403
    assert ran == [req.path]


@pytest.mark.parametrize(
    "sent", ["/admin", "/admin/", "/admin/x", "/%61dmin", "//admin", "/x/../admin", "/x%2f..%2fadmin"]
)
def test_a_section_covers_its_location_by_whole_segments(ask, sent):
    hooks = quiet()
    hooks.section("/admin").access(lambda _: 403)
    assert ask(hooks, sent).status == 403


@pytest.mark.parametrize("sent", ["/", "/administrator", "/ADMIN", "/admin;x", "/admin.", "/%2561dmin", "/a/admin"])
def test_a_section_does_not_cover_what_only_looks_like_its_location(ask, sent):
    hooks = quiet()
    hooks.section("/admin").access(lambda _: 403)
    hooks.content(lambda req: req.path)
    assert ask(hooks, sent).status == 200


def test_the_path_is_decoded_once(ask):
    hooks = quiet()
    hooks.content(lambda req: [req.path, req.uri, req.unparsed_uri])
    answer = ask(hooks, "/a%2520b")
    assert answer.text.startswith('["/a%20b", "/a%20b"')


@pytest.mark.parametrize("sent", ["/..", "/a/../../b", "/%00", "/%ff", "/..%2f"])
def test_a_path_that_can_be_none_is_refused_after_post_read_request_and_before_any_other_phase(ask, sent, error_log):
    ran: list[str] = []
    hooks = quiet()
    for phase in (
        "post_read_request",
        "trans",
        "map_to_storage",
        "header_parser",
        "access",
        "content",
        "log",
        "cleanup",
    ):
        hooks.register(phase, lambda _, phase=phase: ran.append(phase))
    answer = ask(hooks, sent)
    assert answer.status == 400
    assert ran == ["post_read_request", "log", "cleanup"]
    assert answer.req.decided_by == "hookchain.paths.normalise"
    assert "the path" in error_log()


def test_only_options_may_be_sent_for_the_whole_server():
    ran: list[str] = []
    hooks = quiet()
    hooks.content(lambda _: "content")
    hooks.access(lambda _: ran.append("access"))
    hooks.post_read_request(lambda req: ran.append(req.path))
    response = hooks.handle(Request("OPTIONS", path="*"))
    assert (response.status_code, response.get_data()) == (200, b"")
    response = hooks.handle(Request("GET", path="*"))
    response.close()
    assert response.status_code == 400
    assert ran == ["*", "*"]


# --- the pure helpers


def test_what_is_encoded_is_decoded_to_the_same_path():
    for path in ("/a b", "/ä", "/a%b", "/a?b#c", "/a;b"):
        assert paths.decode_url_path(paths.encode(path)) == path


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("/a%20b?x=%31", "/", ("/a b", "x=%31")),
        ("c", "/a/b", ("/a/c", "")),
        ("../c?y", "/a/b/d", ("/a/c", "y")),
        ("?z=1", "/a b", ("/a b", "z=1")),
        ("#part", "/a", ("/a", "")),
        ("/a#part?x", "/", ("/a", "")),
        ("//a//b", "/", ("/a/b", "")),
    ],
)
def test_a_url_inside_the_program_is_decoded_once_and_split_at_the_question_mark(url, base, expected):
    assert paths.split_url(url, base) == expected


def test_a_location_below_a_prefix_is_joined_to_it():
    assert paths.join("/", "/a") == "/a"
    assert paths.join("/a", "/") == "/a"
    assert paths.join("/a", "/b") == "/a/b"


def test_a_path_is_seen_from_a_mount_point_with_a_slash_in_front():
    assert paths.below("/", "/a") == "/a"
    assert paths.below("/a", "/a") == "/"
    assert paths.below("/a", "/a/b") == "/b"


@given(strategies.locations())
def test_the_prefixes_of_a_path_are_what_covers_it_by_whole_segments(path):
    found = paths.prefixes(path)
    assert found[0] == "/"
    assert found == [prefix for prefix in found if prefix in {"/", path} or path.startswith(prefix + "/")]
    assert paths.segment_count(path) == len([segment for segment in path.split("/") if segment])
    assert paths.prefixes(path.rstrip("/") + "/") == found
