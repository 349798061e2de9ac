"""Languages, regular expressions as languages, and which places the paths of a route can reach."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookchain.languages import (
    ANYTHING,
    END,
    NOTHING,
    Repeated,
    Text,
    below,
    repeated,
    representatives,
    sequence,
    union,
)
from hookchain.paths import BadPathError, normalise
from hookchain.reach import reach
from hookchain.regex_languages import matched, searched
from hookchain.scopes import as_httpd_matches

SIGNS = "ab/.-7_ \nAé٣"
EXACT = [
    "[^/]+",
    "[^/].*?",
    r"\d+",
    r"-?\d+\.\d+",
    "(?:a|b|ab)",
    "[^/]{2,3}",
    "[^/]{2,}",
    ".*",
    "a(b|7)*d?",
    r"\w\W\s?\S\D?",
    "[-a-zA-Z0-9_]+",
    "(?s).+",
    r"(?a)\w+",
    "^ab$",
    r"[^\d/]",
    "[^a]b",
    "^",
    "",
]
TOO_WIDE = ["(?=a)ab", r"(a)\1", "(?i)ab", "a++b?", "a{0,100}", "a{70}", r"a\bb?", "(?i:a)b", "a^b|a", "(?>a|ab)"]


def holds(language, text):
    for sign in text:
        language = language.after(sign)
    return language.has_end


@given(st.sampled_from([*EXACT, *TOO_WIDE]), st.text(SIGNS, max_size=6))
def test_what_an_expression_matches_is_in_its_language(pattern, text):
    language, is_exact = matched(pattern)
    if re.fullmatch(pattern, text):
        assert holds(language, text)
    elif is_exact:
        assert not holds(language, text)


@given(
    st.sampled_from(
        ["^/a", r"/\d+$", "/b", r"^/a|/b\Z", "^(/a|/b)", "(^/a|/b)", "(?i)/A", "(?m)^/a$", r"a\Z|^/b", "x|y"]
    ),
    st.text(SIGNS, max_size=6).map(lambda text: f"/{text}"),
)
def test_where_an_expression_is_found_is_in_its_language(pattern, text):
    expression = as_httpd_matches(re.compile(pattern))
    language, is_exact = searched(expression)
    if expression.search(text):
        assert holds(language, text)
    elif is_exact:
        assert not holds(language, text)


@pytest.mark.parametrize("pattern", EXACT)
def test_usual_expressions_are_known_exactly(pattern):
    assert matched(pattern)[1]


@pytest.mark.parametrize("pattern", TOO_WIDE)
def test_an_expression_that_is_not_understood_is_taken_too_wide_and_says_so(pattern):
    assert not matched(pattern)[1]


@pytest.mark.parametrize(
    ("pattern", "is_exact"), [("^/a$", True), ("(?i)^/A", False), ("(^/a|/b)", False), ("x(?!y)", False)]
)
def test_a_searched_expression_says_whether_it_is_known_exactly(pattern, is_exact):
    assert searched(as_httpd_matches(re.compile(pattern)))[1] is is_exact


def test_a_segment_holds_no_slash_whatever_its_expression_says():
    language, is_exact = matched(".+", without="/")
    assert is_exact
    assert (holds(language, "ab"), holds(language, "a/b")) == (True, False)


def test_languages_are_put_together():
    assert sequence(Text("a"), Text("b")) == Text("ab")
    assert sequence(Text("a"), NOTHING) is NOTHING
    assert sequence(END, ANYTHING) is ANYTHING
    assert sequence(sequence(Text("a"), ANYTHING), Text("b")) == sequence(Text("a"), ANYTHING, Text("b"))
    assert union((Text("a"), ANYTHING)) is ANYTHING
    assert union((Text("a"), union((Text("b"), Text("a"))))) == union((Text("b"), Text("a")))
    assert union([Text("a")]) == Text("a")
    assert repeated(Text("a"), 1, 2).has_end is False
    assert [count for count in range(5) if holds(repeated(Text("a"), 1, 2), "a" * count)] == [1, 2]
    assert [count for count in range(5) if holds(repeated(Text("a"), 2, None), "a" * count)] == [2, 3, 4]
    assert list(Repeated(Text("a")).signs()) == list(Text("a").signs())


def test_the_paths_below_a_prefix_are_those_by_whole_segments():
    admin = below("/admin")
    found = [path for path in ("/admin", "/admin/", "/admin/x", "/administrator", "/adm", "/") if holds(admin, path)]
    assert found == ["/admin", "/admin/", "/admin/x"]
    assert below("/") is ANYTHING


@given(
    st.lists(
        st.sampled_from(["[^/]+", r"\d", r"[\w-]", r"[^\s]", "[\\u0430-\\u044f]", "[0-5]x", r"(?a)\w"]),
        min_size=1,
        max_size=3,
    ),
    st.characters(),
)
def test_a_few_characters_stand_for_all_others(patterns, sign):
    languages = [matched(pattern)[0] for pattern in patterns]
    told = tuple(language.after(sign) for language in languages)
    if sign != "\0" and not "\ud800" <= sign <= "\udfff":
        signs = representatives((*languages, matched("", without="/")[0]))
        assert told in {tuple(language.after(other) for language in languages) for other in signs}


def test_characters_that_no_path_holds_stand_for_nothing():
    signs = representatives([matched("[\ud7ff-\ue000]")[0], matched("[\0-\1]")[0]])
    assert not [sign for sign in signs if sign == "\0" or "\ud800" <= sign <= "\udfff"]
    assert "\ud7ff" in signs


def test_characters_that_are_left_out_are_told_apart():
    language = matched(".", without="!")[0]
    assert "!" in representatives([language])


# --- reach

PLACES = [below("/a"), below("/a/b"), Text("/a/"), below("/b"), matched("^/[^/]+/7$")[0]]


@given(
    st.sampled_from(["/a", "/<seg>", "/<path>", "/<seg>/b", "<path>", "/a<seg>", "/b/<seg>/"]),
    st.text("ab/.7", max_size=6),
)
def test_each_path_of_a_route_lies_where_one_of_the_examples_does(pattern, text):
    pieces = {"<seg>": "[^/]+", "<path>": ".*"}
    expression = re.sub("<(seg|path)>", lambda found: pieces[found[0]], pattern)
    path = f"/{text}"
    try:
        is_canonical = normalise(path) == path
    except BadPathError:
        is_canonical = False
    found = reach(matched(expression)[0], PLACES)
    assert found.is_complete
    lying = {tuple(holds(place, example) for place in PLACES) for example in found.examples}
    assert len(lying) == len(found.examples)
    if is_canonical and re.fullmatch(expression, path):
        assert tuple(holds(place, path) for place in PLACES) in lying


@given(
    st.sampled_from(
        ["/<path>", "<path>", "/.<path>", "/a/.<path>.", "/[.]/a", "/[.][.]", "/[.][.][.]", "/a//b", "/a//[^/]"]
    )
)
def test_examples_are_canonical_paths_of_the_route(pattern):
    expression = pattern.replace("<path>", ".*")
    for example in reach(matched(expression)[0], PLACES).examples:
        assert re.fullmatch(expression, example)
        assert normalise(example) == example


@pytest.mark.parametrize("path", ["/a//b", "/a/../b", "/..", "a"])
def test_a_path_that_is_never_seen_reaches_nothing(path):
    assert reach(Text(path), PLACES).examples == ()


def test_what_is_too_entangled_is_not_decided():
    places = [matched(f".*a.{{{count}}}b.*")[0] for count in range(12)]
    assert not reach(matched("/.*")[0], places).is_complete
