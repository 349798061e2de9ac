"""The page that lists a folder."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookchain.files import FileService
from hookchain.listing import Entry, human_size, listing_page
from tests.core.site_files import MTIME, Chain, build, get, write


class Page(HTMLParser):
    """What a browser sees of a page: links with their text, and all text."""

    def __init__(self, html):
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.text = ""
        self.in_link = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "a":
            self.links.append((dict(attrs)["href"] or "", ""))
            self.in_link = True

    def handle_endtag(self, tag):
        self.in_link = self.in_link and tag != "a"

    def handle_data(self, data):
        self.text += data
        if self.in_link:
            href, text = self.links[-1]
            self.links[-1] = href, text + data

    @property
    def names(self):
        """The entries, in order: links to something below."""
        return [text for href, text in self.links if href.startswith("./") and href != "./"]


def page(path="/", entries=(), depth=0, query=b""):
    with listing_page(path, entries, depth=depth, query=query) as response:
        return Page(response.get_data(as_text=True))


def entry(name, size=1, modified=MTIME, *, is_folder=False):
    return Entry(name, is_folder, size, modified)


ENTRIES = [
    entry("B.txt", 30, MTIME + 1),
    entry("a.txt", 20, MTIME + 3),
    entry("z", 0, MTIME + 9, is_folder=True),
    entry("c.txt", 10, MTIME + 2),
    entry("y", 999, MTIME + 8, is_folder=True),
]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (b"", "y/ z/ a.txt B.txt c.txt"),
        (b"C=N;O=A", "y/ z/ a.txt B.txt c.txt"),
        (b"C=N;O=D", "z/ y/ c.txt B.txt a.txt"),
        (b"C=S;O=A", "y/ z/ c.txt a.txt B.txt"),
        (b"C=S&O=D", "z/ y/ B.txt a.txt c.txt"),
        (b"C=M", "y/ z/ B.txt c.txt a.txt"),
        (b"x=1&C=M;O=D&y", "z/ y/ a.txt c.txt B.txt"),
        (b"C=X;O=D", "y/ z/ a.txt B.txt c.txt"),
        (b"xC=N;O=D", "y/ z/ a.txt B.txt c.txt"),
        (b"\xff", "y/ z/ a.txt B.txt c.txt"),
    ],
)
def test_folders_come_first_and_the_query_orders_the_rest(query, names):
    assert page(entries=ENTRIES, query=query).names == names.split()


def test_a_heading_turns_the_order_round_that_it_has():
    assert ("?C=N;O=D", "Name") in page(entries=ENTRIES).links
    assert ("?C=S;O=A", "Size") in page(entries=ENTRIES).links
    assert ("?C=S;O=D", "Size") in page(entries=ENTRIES, query=b"C=S;O=A").links
    assert ("?C=S;O=A", "Size") in page(entries=ENTRIES, query=b"C=S;O=D").links


@pytest.mark.parametrize(
    "name", ["a b.txt", "100%.txt", "hash#.txt", "quest?.txt", "x:y", "caf\u00e9", "<b>", "&amp;", "\"'", "\\", "a\nb"]
)
def test_a_link_leads_to_its_file_whatever_the_name(name):
    (href, text) = page("/dir/", [entry(name)], depth=1).links[-1]
    assert unquote(urljoin("http://host/dir/", href).removeprefix("http://host")) == f"/dir/{name}"
    assert text == name
    assert href.isascii()


@given(st.text(st.characters(exclude_characters="/\x00\r", exclude_categories=["Cs"]), min_size=1))
def test_no_name_can_bring_in_markup(name):
    seen = page("/dir/", [entry(name)], depth=1)
    assert seen.tags <= {
        "html",
        "meta",
        "title",
        "style",
        "h1",
        "a",
        "table",
        "thead",
        "tr",
        "th",
        "tbody",
        "td",
        "svg",
        "path",
        "time",
    }
    assert len(seen.links) == 7


def test_the_path_is_escaped():
    assert "<script>" not in listing_page("/<script>/", [], depth=1).get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "depth", "crumbs"),
    [
        ("/", 0, [("./", "Home")]),
        ("/a/", 1, [("../", "Home"), ("./", "a")]),
        ("/a/b/", 2, [("../../", "Home"), ("../", "a"), ("./", "b")]),
        ("/app/", 0, [("./", "app")]),
        ("/app/a/a/", 2, [("../../", "app"), ("../", "a"), ("./", "a")]),
    ],
)
def test_the_way_here_is_linked_up_to_the_mount_point(path, depth, crumbs):
    assert page(path, depth=depth).links[: depth + 1] == crumbs


def test_there_is_a_link_to_the_parent_but_not_above_the_top():
    assert ("../", "Parent folder") in page("/a/", depth=1).links
    assert "Parent folder" not in page("/").text


def test_an_empty_folder_says_so():
    assert "Nothing here" in page().text
    assert "Nothing here" not in page(entries=ENTRIES).text


def test_size_and_date_are_for_people():
    text = page(entries=[entry("x", 1536)]).text
    assert "1.5 KB" in text
    assert "2023-11-14 22:13" in text


@pytest.mark.parametrize("modified", [1e30, -1e30, float("inf"), float("nan")])
def test_a_time_that_is_no_date_is_left_out(modified):
    assert page(entries=[entry("x", modified=modified)]).names == ["x"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1.0 KB"),
        (1536, "1.5 KB"),
        (10 * 1024, "10 KB"),
        (10 * 1024 - 1, "10 KB"),
        (1024**2, "1.0 MB"),
        (5 * 1024**3 + 7, "5.0 GB"),
        (1024**4 * 20, "20 TB"),
        (1024**5, "1.0 PB"),
        (1024**6 * 3, "3072 PB"),
    ],
)
def test_sizes_are_given_in_the_unit_that_fits(size, text):
    assert human_size(size) == text


def test_the_page_may_use_its_own_style_and_nothing_else():
    with listing_page("/", ENTRIES, depth=0) as response:
        html = response.get_data(as_text=True)
        policy = response.headers["Content-Security-Policy"]
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "style=" not in html
    assert "<script" not in html
    assert "prefers-color-scheme:dark" in style[0]


# --- through the handlers


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return build(tmp_path_factory.mktemp("site"))


def names(service, path="/", **rest):
    answer = get(service, path, **rest)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(answer.body.decode()).names


def test_what_would_be_refused_is_not_listed(root):
    seen = names(FileService(root, listing=True, index=()))
    assert {"public.txt", "sub/", "folder/", "link-in.txt", "dirlink-in/", "with space.txt"} <= set(seen)
    guarded = {"private/", "link-private.txt", "dirlink-private/"}
    elsewhere = {"link-out.txt", "dirlink-out/", "dirlink-sibling/", "link-absolute", "loop", "dangling"}
    assert not (guarded | elsewhere | {"fifo"}) & set(seen)
    assert not [name for name in seen if name.startswith(".")]


def test_what_has_the_same_guards_is_listed(root):
    seen = names(FileService(root, listing=True, index=()), chain=Chain("/"))
    assert {"private/", "link-private.txt"} <= set(seen)


def test_everything_that_is_listed_can_be_had(root):
    service = FileService(root, listing=True, index=())
    for folder in ("/", "/sub/", "/folder/", "/dirlink-in/", "/caf\u00e9/"):
        for name in names(service, folder):
            assert get(service, folder + name).status == 200


def test_a_link_whose_own_name_is_guarded_is_not_listed(root):
    chain = Chain("/link-in.txt", "/dirlink-in")
    assert not {"link-in.txt", "dirlink-in/"} & set(names(FileService(root, listing=True, index=()), chain=chain))


def test_what_cannot_be_read_is_not_listed(tmp_path, monkeypatch):
    for name in ("x", "y", "z/file"):
        write(tmp_path / name, b"")
    monkeypatch.setattr(os, "access", lambda path, mode: path[-1] == "x" or (path[-1] == "z" and mode == os.R_OK))
    assert names(FileService(tmp_path, listing=True)) == ["x"]


def test_an_index_file_comes_before_the_listing(root):
    assert get(FileService(root, listing=True), "/sub/").body == b"<p>sub</p>\n"


def test_a_folder_is_not_listed_unless_that_was_asked_for(root):
    assert get(FileService(root), "/folder/").status == 404


@pytest.mark.parametrize(("error", "status"), [(PermissionError(13, "no"), 403), (FileNotFoundError(2, "gone"), 404)])
def test_a_folder_that_cannot_be_read_is_no_500(root, monkeypatch, error, status):
    def scandir(path):
        raise error

    monkeypatch.setattr(os, "scandir", scandir)
    assert get(FileService(root, listing=True), "/folder/").status == status


def test_a_listing_shows_the_mount_point_and_nothing_of_the_file_system(root):
    answer = get(FileService(root, listing=True), "/folder/", root_path="/app")
    html = answer.body.decode()
    assert "Index of /app/folder/" in html
    assert str(root) not in html
    assert Page(html).links[:2] == [("../", "app"), ("./", "folder")]
