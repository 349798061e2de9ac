"""Media types and codings from names."""

from __future__ import annotations

import mimetypes
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookchain.media_types import guess


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("page.html", "text/html; charset=utf-8"),
        ("notes.txt", "text/plain; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("app.js", "text/javascript; charset=utf-8"),
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("README.md", "text/markdown; charset=utf-8"),
        ("data.json", "application/json"),
        ("site.webmanifest", "application/manifest+json"),
        ("settings.toml", "application/toml"),
        ("module.wasm", "application/wasm"),
        ("font.woff2", "font/woff2"),
        ("photo.avif", "image/avif"),
        ("photo.webp", "image/webp"),
        ("photo.JPG", "image/jpeg"),
        ("drawing.svg", "image/svg+xml"),
        ("manual.pdf", "application/pdf"),
        ("film.mp4", "video/mp4"),
        ("archive.zip", "application/zip"),
        ("archive.tar.bz2", "application/x-bzip2"),
    ],
)
def test_the_type_comes_from_the_extension_and_text_says_its_charset(name, expected):
    assert guess(name) == (expected, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("backup.tar.gz", ("application/x-tar", "gzip")),
        ("backup.tgz", ("application/x-tar", "gzip")),
        ("drawing.svgz", ("image/svg+xml", "gzip")),
        ("app.js.br", ("text/javascript; charset=utf-8", "br")),
        ("data.json.zst", ("application/json", "zstd")),
        ("old.txt.Z", ("text/plain; charset=utf-8", "compress")),
        ("dump.gz", (None, "gzip")),
    ],
)
def test_a_coding_is_told_apart_from_the_type_below_it(name, expected):
    assert guess(name) == expected


@pytest.mark.parametrize(
    "name", ["", "html", ".html", "a/.html", "x.", "noextension", "a.html/file", "x.unknown", "x.html~"]
)
def test_a_name_that_does_not_tell_has_no_type(name):
    assert guess(name) == (None, None)


def test_the_folder_of_a_file_says_nothing_about_it():
    assert guess("/srv/v1.2.html/data.json") == guess("data.json")


def test_the_machine_has_no_say():
    with mock.patch.dict(mimetypes.types_map, {".html": "text/evil", ".unknown": "text/html"}):
        assert guess("x.html") == ("text/html; charset=utf-8", None)
        assert guess("x.unknown") == (None, None)


@given(st.text())
def test_only_the_extensions_of_html_are_taken_for_html(name):
    media_type, _ = guess(name)
    if media_type is not None and "html" in media_type:
        assert ".htm" in name.lower() or ".xht" in name.lower()


@given(st.text())
def test_every_name_has_an_answer_that_can_stand_in_a_header(name):
    for value in guess(name):
        assert value is None or (value.isascii() and value.isprintable() and value)
