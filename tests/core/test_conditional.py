"""Conditional and range requests for a file."""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from hookchain.conditional import apply_conditions, parse_http_date
from hookchain.files import FileResponse, FileService
from tests.core.site_files import DATE, MTIME, get, make, mapped, write

OLD, NEW = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 02 Jan 2026 00:00:00 GMT"
ETAG = f'"{MTIME * 10**9:x}-a"'
DATA = b"0123456789"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    write(root / "tiny.txt", DATA)
    write(root / "empty.txt", b"")
    write(root / "medium.bin", bytes(range(251)) * 1000)
    write(root / "new.txt", DATA, 4_000_000_000)
    write(root / "plain.css", b"a" * 50)
    write(root / "plain.css.gz", DATA)
    return FileService(root)


def ask(service, method="GET", path="/tiny.txt", **headers):
    return get(service, path, method, headers={name.replace("_", "-"): value for name, value in headers.items()})


def status(service, **headers):
    """The status of GET; that of HEAD must be the same, and nothing but the body differ."""
    answer = ask(service, **headers)
    head = ask(service, "HEAD", **headers)
    assert head.status == answer.status
    assert set(head.headers.keys()) == set(answer.headers.keys())
    return answer.status


def test_a_plain_request_gets_the_file_with_its_validators(service):
    answer = ask(service)
    assert answer.status == 200
    assert answer.body == DATA
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Last-Modified"] == DATE
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == "10"


@pytest.mark.parametrize("value", ["*", ETAG, f'"x", {ETAG}', f'{ETAG} , "x"'])
def test_if_match_lets_the_file_through_that_the_client_means(service, value):
    assert status(service, If_Match=value) == 200


@pytest.mark.parametrize("value", ['"nope"', f"W/{ETAG}", "garbage", '"', ""])
def test_if_match_refuses_every_other_file_and_weak_tags(service, value):
    assert status(service, If_Match=value) == 412


@pytest.mark.parametrize("value", ["*", ETAG, f"W/{ETAG}", f'"x", {ETAG}'])
def test_if_none_match_answers_304_to_who_has_the_file(service, value):
    assert status(service, If_None_Match=value) == 304


@pytest.mark.parametrize("value", ['"nope"', 'W/"nope"', "garbage", '"', '*, "x"', ""])
def test_if_none_match_sends_the_file_to_who_has_another(service, value):
    assert status(service, If_None_Match=value) == 200


@pytest.mark.parametrize(("value", "expected"), [(OLD, 200), (DATE, 304), (NEW, 304)])
def test_if_modified_since_sends_what_was_changed_later(service, value, expected):
    assert status(service, If_Modified_Since=value) == expected


@pytest.mark.parametrize(("value", "expected"), [(OLD, 412), (DATE, 200), (NEW, 200)])
def test_if_unmodified_since_refuses_what_was_changed_later(service, value, expected):
    assert status(service, If_Unmodified_Since=value) == expected


BAD_DATES = [
    "",
    "yesterday",
    "Fri, 01 Jan 10000 00:00:00 GMT",
    "Fri, 01 Jan 99999999999999999999 00:00:00 GMT",
    "Mon, 01 Jan 0000 00:00:00 GMT",
    "Tue, 99 Nov 2023 22:13:20 GMT",
    "Tue, 14 Nov 2023 99:99:99 GMT",
    "Thu, 30 Feb 2023 00:00:00 GMT",
    "Tue, 14 Foo 2023 22:13:20 GMT",
    "Tue, 14 Nov 2023 22:13:20 +9999999999",
    "Tue, -1 Nov 2023 22:13:20 GMT",
    "Tue, 14 Nov 2023 22:13:20 GMT; length=1",
    "Tue, \u0661\u0664 Nov 2023 22:13:20 GMT",
    "\u00ff\u00fe",
    "(" * 5000,
    "1" * 5000,
]


@pytest.mark.parametrize("value", BAD_DATES)
@pytest.mark.parametrize("name", ["If_Modified_Since", "If_Unmodified_Since"])
def test_what_is_no_date_is_ignored(service, name, value):
    assert parse_http_date(value) is None
    assert status(service, **{name: value}) == 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (DATE, MTIME),
        (DATE.lower(), MTIME),
        (f" {DATE}\t", MTIME),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", MTIME),
        ("Tue Nov 14 22:13:20 2023", MTIME),
        ("Sat Jan  1 00:00:00 2000", 946_684_800),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
    ],
)
def test_the_three_forms_of_a_date_are_read(text, seconds):
    assert parse_http_date(text) == seconds


@given(st.text() | st.from_regex(r"[a-z]{3}, \d\d [a-z]{3} \d{4} \d\d:\d\d:\d\d gmt", fullmatch=True))
def test_no_text_is_an_error_where_a_date_stands(text):
    assert isinstance(parse_http_date(text), int | None)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"If_Match": "*", "If_Unmodified_Since": OLD}, 200),  # If-Match wins
        ({"If_Match": '"x"', "If_None_Match": "*"}, 412),  # 412 comes before 304
        ({"If_None_Match": '"x"', "If_Modified_Since": NEW}, 200),  # If-None-Match wins
        ({"If_Unmodified_Since": OLD, "If_Modified_Since": NEW}, 412),
        ({"If_None_Match": ETAG, "Range": "bytes=0-1"}, 304),  # ranges come last
        ({"If_Match": '"x"', "Range": "bytes=0-1"}, 412),
        ({"If_None_Match": '"x"', "Range": "bytes=99-"}, 416),
    ],
)
def test_the_conditions_are_looked_at_in_the_order_of_the_rfc(service, headers, expected):
    assert status(service, **headers) == expected


def test_the_values_of_a_repeated_header_count_together(service):
    headers = Headers([("If-None-Match", '"x"'), ("If-None-Match", ETAG)])
    assert get(service, "/tiny.txt", headers=headers).status == 304


def test_a_304_has_no_body_and_describes_none(service):
    answer = ask(service, If_None_Match=ETAG)
    assert answer.body == b""
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Last-Modified"] == DATE
    assert not {"Content-Type", "Content-Length", "Content-Encoding"} & set(answer.headers.keys())


def test_a_412_has_an_empty_body(service):
    answer = ask(service, If_Match='"x"')
    assert answer.body == b""
    assert answer.headers["Content-Length"] == "0"
    assert answer.headers["Last-Modified"] == DATE


def response_of(service, req):
    response = service.content(mapped(service, req))
    assert isinstance(response, FileResponse)
    return response


@pytest.mark.parametrize(("name", "expected"), [("If-None-Match", 200), ("If-Match", 412)])
def test_a_file_whose_etag_a_filter_took_away_matches_none(service, name, expected):
    req = make("/tiny.txt", headers={name: ETAG})
    with response_of(service, req) as response:
        del response.headers["ETag"]
        assert apply_conditions(req, response).status_code == expected


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
def test_a_file_whose_date_a_filter_took_away_is_sent(service, name):
    req = make("/tiny.txt", headers={name: DATE})
    with response_of(service, req) as response:
        del response.headers["Last-Modified"]
        assert apply_conditions(req, response).status_code == 200


def test_a_weak_etag_that_a_filter_set_is_still_known_to_if_none_match_but_not_to_if_match(service):
    for name, value, expected in (
        ("If-None-Match", 'W/"v1"', 304),
        ("If-None-Match", '"v1"', 304),
        ("If-Match", 'W/"v1"', 412),
        ("If-Match", '"v1"', 412),
    ):
        req = make("/tiny.txt", headers={name: value})
        with response_of(service, req) as response:
            response.headers["ETag"] = 'W/"v1"'
            assert apply_conditions(req, response).status_code == expected


def test_an_empty_tag_does_not_match_a_file_without_one(service):
    for name, expected in (("If-None-Match", 200), ("If-Match", 412)):
        req = make("/tiny.txt", headers={name: '""'})
        with response_of(service, req) as response:
            del response.headers["ETag"]
            assert apply_conditions(req, response).status_code == expected


def test_if_range_trusts_no_weak_etag_even_if_it_is_the_same(service):
    req = make("/tiny.txt", headers={"Range": "bytes=0-1", "If-Range": 'W/"v1"'})
    with response_of(service, req) as response:
        response.headers["ETag"] = 'W/"v1"'
        assert apply_conditions(req, response).status_code == 200


def test_what_filters_set_stays_on_a_304_and_a_206(service):
    for headers in ({"If-None-Match": "*"}, {"Range": "bytes=0-1"}):
        req = make("/tiny.txt", headers=headers)
        with response_of(service, req) as response:
            response.headers["X-Frame-Options"] = "DENY"
            assert apply_conditions(req, response).headers["X-Frame-Options"] == "DENY"


def test_a_body_that_a_filter_replaced_is_left_alone(service):
    req = make("/tiny.txt", headers={"Range": "bytes=0-1", "If-None-Match": "*"})
    with response_of(service, req) as response:
        response.set_data(b"filtered")
        assert apply_conditions(req, response).status_code == 200
        assert response.get_data() == b"filtered"
    assert response.body.file.closed


def test_a_file_that_stands_for_an_error_is_sent_whole_with_the_error(service):
    req = make("/tiny.txt", headers={"Range": "bytes=0-1", "If-None-Match": "*"})
    with response_of(service, req) as response:
        response.status_code = 404
        assert apply_conditions(req, response).status_code == 404
        assert b"".join(response.iter_encoded()) == DATA


def test_conditions_of_another_method_say_nothing_about_the_file(service):
    req = make("/tiny.txt", headers={"If-None-Match": "*"})
    with response_of(service, req) as response:
        req.method = "POST"
        assert apply_conditions(req, response).status_code == 200


@pytest.mark.parametrize("headers", [{"If-None-Match": "*"}, {"If-Match": '"x"'}, {"Range": "bytes=99-"}])
def test_a_file_that_is_not_sent_is_closed_at_once(service, headers):
    req = make("/tiny.txt", headers=headers)
    response = response_of(service, req)
    apply_conditions(req, response)
    assert response.body.file.closed


# --- ranges


@pytest.mark.parametrize(
    ("value", "sent", "described"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-100", b"56789", "bytes 5-9/10"),
        ("bytes=0-6,3-9", b"0123456789", "bytes 0-9/10"),
        ("bytes=0-1,50-60", b"01", "bytes 0-1/10"),
    ],
)
def test_one_piece_is_sent_as_it_is(service, value, sent, described):
    answer = ask(service, Range=value)
    assert answer.status == 206
    assert answer.body == sent
    assert answer.headers["Content-Range"] == described
    assert answer.headers["Content-Length"] == str(len(sent))
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["ETag"] == ETAG


def test_head_with_a_range_tells_what_get_would_send(service):
    answer = ask(service, "HEAD", Range="bytes=0-3")
    assert answer.status == 206
    assert answer.headers["Content-Length"] == "4"
    assert answer.headers["Content-Range"] == "bytes 0-3/10"


@pytest.mark.parametrize("value", ["lines=1-2", "bytes=x", "bytes=", "bytes=0-1,x-y", "bytes=" + "0-," * 500])
def test_a_range_that_means_nothing_is_ignored(service, value):
    answer = ask(service, Range=value)
    assert answer.status == 200
    assert answer.body == DATA
    assert "Content-Range" not in answer.headers


@pytest.mark.parametrize(("path", "size"), [("/tiny.txt", 10), ("/empty.txt", 0)])
def test_a_range_outside_of_the_file_is_416_and_tells_the_size(service, path, size):
    answer = ask(service, path=path, Range="bytes=10-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    assert answer.headers["Content-Type"].startswith("text/html")
    assert DATA not in answer.body


def parts_of(answer):
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + answer.body)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    parts = message.get_payload()
    assert isinstance(parts, list)
    for part in parts:
        assert isinstance(part, Message)
        yield part


def test_several_pieces_are_sent_as_parts_of_one_body(service):
    answer = ask(service, Range="bytes=0-1,5-6")
    assert answer.status == 206
    assert "Content-Range" not in answer.headers
    assert answer.headers["Content-Length"] == str(len(answer.body))
    parts = [(p["Content-Range"], p["Content-Type"], p.get_payload()) for p in parts_of(answer)]
    media_type = "text/plain; charset=utf-8"
    assert parts == [("bytes 0-1/10", media_type, "01"), ("bytes 5-6/10", media_type, "56")]


def test_a_file_in_an_encoded_form_is_not_sent_in_several_pieces(service):
    one = ask(service, path="/plain.css", Range="bytes=0-1", Accept_Encoding="gzip")
    assert (one.status, one.body, one.headers["Content-Encoding"]) == (206, b"01", "gzip")
    two = ask(service, path="/plain.css", Range="bytes=0-1,5-6", Accept_Encoding="gzip")
    assert (two.status, two.body, two.headers["Content-Encoding"]) == (200, DATA, "gzip")


@pytest.mark.parametrize("value", [ETAG, DATE])
def test_if_range_sends_the_piece_of_the_file_that_the_client_has(service, value):
    assert status(service, Range="bytes=2-4", If_Range=value) == 206


@pytest.mark.parametrize(
    "value", ['"nope"', f"W/{ETAG}", 'W/"nope"', OLD, NEW, "garbage", "*", '"a", "b"', f'{ETAG}, "b"', '"abc', ""]
)
def test_if_range_sends_the_whole_file_in_every_other_case(service, value):
    answer = ask(service, Range="bytes=2-4", If_Range=value)
    assert answer.status == 200
    assert answer.body == DATA


def test_if_range_trusts_no_date_of_the_running_second(service):
    req = make("/tiny.txt", headers={"Range": "bytes=2-4", "If-Range": DATE})
    req.start_time = MTIME + 0.5
    with response_of(service, req) as response:
        assert apply_conditions(req, response).status_code == 200


def test_if_range_with_a_date_needs_the_date_of_the_file(service):
    req = make("/tiny.txt", headers={"Range": "bytes=2-4", "If-Range": DATE})
    with response_of(service, req) as response:
        del response.headers["Last-Modified"]
        assert apply_conditions(req, response).status_code == 200


def test_if_range_without_a_range_says_nothing(service):
    assert status(service, If_Range='"nope"') == 200


def test_the_date_of_a_file_never_lies_in_the_future(service):
    answer = ask(service, path="/new.txt")
    sent = parse_http_date(answer.headers["Last-Modified"])
    assert sent is not None
    assert sent < 4_000_000_000


positions = st.integers(0, 300_000)
specs = st.one_of(
    st.tuples(positions, positions).map(lambda p: f"{min(p)}-{max(p)}"),
    positions.map(lambda first: f"{first}-"),
    positions.map(lambda length: f"-{length}"),
)


@given(st.lists(specs, min_size=1, max_size=6).map(",".join))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_206_holds_exactly_the_bytes_that_its_content_range_says(service, value):
    data = bytes(range(251)) * 1000
    answer = ask(service, path="/medium.bin", Range=f"bytes={value}")
    assert answer.status in {206, 416}
    if answer.status == 416:
        return
    if "Content-Range" in answer.headers:
        pieces = [(answer.headers["Content-Range"], answer.body)]
    else:
        boundary = answer.headers["Content-Type"].partition("boundary=")[2].encode()
        chunks = re.split(rb"(?:\A|\r\n)--" + boundary + rb"(?:--)?\r\n", answer.body)
        assert chunks[0] == chunks[-1] == b""
        heads = [chunk.partition(b"\r\n\r\n") for chunk in chunks[1:-1]]
        pieces = [(head.decode().partition("Content-Range: ")[2], body) for head, _, body in heads]
    assert pieces
    for described, body in pieces:
        match = re.fullmatch(r"bytes (\d+)-(\d+)/251000", described)
        assert match is not None
        assert body == data[int(match[1]) : int(match[2]) + 1]
