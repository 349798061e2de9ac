"""Byte ranges: which are asked for, and bodies that hold just those."""

from __future__ import annotations

import io
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookchain.ranges import BLOCK_SIZE, ByteRange, RangeBody, multipart, parse_ranges, read_blocks

DATA = bytes(range(256)) * 2
HUGE = "9" * 5000


@pytest.mark.parametrize(
    ("header", "pieces"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=9-9", [(9, 10)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-10", [(0, 10)]),
        ("bytes=-99", [(0, 10)]),
        ("bytes=5-100", [(5, 10)]),
        (f"bytes=0-{HUGE}", [(0, 10)]),
        (f"bytes=-{HUGE}", [(0, 10)]),
        (f"bytes={'0' * 5000}2-3", [(2, 4)]),
        ("BYTES = 0-1", [(0, 2)]),
        ("bytes=0-1,5-6", [(0, 2), (5, 7)]),
        ("bytes= 0-1 ,\t5-6", [(0, 2), (5, 7)]),
        ("bytes=0-1,", [(0, 2)]),
        ("bytes=,,0-1", [(0, 2)]),
        ("bytes=5-6,0-1", [(5, 7), (0, 2)]),
        ("bytes=0-1,50-60", [(0, 2)]),
        ("bytes=0-1,-0", [(0, 2)]),
    ],
)
def test_the_pieces_come_in_the_order_in_which_they_were_asked_for(header, pieces):
    assert parse_ranges(header, 10) == pieces


@pytest.mark.parametrize(
    ("header", "pieces"),
    [
        ("bytes=0-5,0-5", [(0, 6)]),
        ("bytes=0-6,3-9", [(0, 10)]),
        ("bytes=0-4,5-9", [(0, 10)]),
        ("bytes=6-8,0-1,2-3", [(6, 9), (0, 4)]),
        ("bytes=0-1,8-9,1-8", [(0, 10)]),
        ("bytes=0-8,2-3", [(0, 9)]),
    ],
)
def test_pieces_that_overlap_or_touch_are_made_one(header, pieces):
    assert parse_ranges(header, 10) == pieces


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", f"bytes={HUGE}-", "bytes=-0", "bytes=50-60,70-80"])
def test_pieces_outside_of_the_file_leave_none(header):
    assert parse_ranges(header, 10) == []


@pytest.mark.parametrize("header", ["bytes=0-0", "bytes=0-", "bytes=-1"])
def test_an_empty_file_has_no_pieces(header):
    assert parse_ranges(header, 0) == []


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "none",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--5",
        "bytes=---",
        "bytes=*",
        "bytes=x-y",
        "bytes=0-1,x-y",
        "bytes=5-4",
        "bytes=0 - 5",
        "bytes=0.5-1",
        "bytes=0x0-0x5",
        "bytes=+0-1",
        "bytes=1_0-2_0",
        "bytes=0=5",
        "bytes=0-1/10",
        "bytes=0-\x001",
        "bytes=0-1\n",
        "bytes=\u0661-\u0665",
        "bytes=\u00b2-\u00b3",
        "lines=0-5",
        "=0-5",
    ],
)
def test_a_malformed_header_and_another_unit_are_ignored(header):
    assert parse_ranges(header, 10) is None


def test_two_hundred_pieces_are_given_and_one_more_is_too_many():
    specs = [f"{n}-{n}" for n in range(0, 402, 2)]
    assert len(parse_ranges("bytes=" + ",".join(specs[:200]), 1000) or []) == 200
    assert parse_ranges("bytes=" + ",".join(specs), 1000) is None


def test_twenty_overlaps_are_joined_and_one_more_is_too_many():
    assert parse_ranges("bytes=" + ",".join(["0-5"] * 21), 10) == [(0, 6)]
    assert parse_ranges("bytes=" + ",".join(["0-5"] * 22), 10) is None


def test_twenty_reversals_are_followed_and_one_more_is_too_many():
    specs = [f"{n}-{n}" for n in range(42, -1, -2)]
    assert len(parse_ranges("bytes=" + ",".join(specs[:21]), 100) or []) == 21
    assert parse_ranges("bytes=" + ",".join(specs), 100) is None


@pytest.mark.parametrize("item", ["0-0,", "0-,", ",", "-", "9" * 50 + "-,"])
def test_a_flood_is_refused_at_once(item):
    started = time.perf_counter()
    assert parse_ranges("bytes=" + item * 60_000, 10) is None
    assert time.perf_counter() - started < 1


positions = st.integers(0, 40)
specs = st.one_of(
    st.tuples(positions, positions).map(lambda p: f"{min(p)}-{max(p)}"),
    positions.map(lambda first: f"{first}-"),
    positions.map(lambda length: f"-{length}"),
)


def bytes_of(spec, length):
    """Read one spec the slow way: by asking for each byte whether it is meant."""
    first, last = spec.split("-")
    if not first:
        return {n for n in range(length) if n >= length - int(last)}
    return {n for n in range(length) if int(first) <= n <= (int(last) if last else length)}


@given(st.lists(specs, min_size=1, max_size=12), st.integers(0, 40))
def test_joining_keeps_every_byte_asked_for_and_adds_none(asked, length):
    pieces = parse_ranges("bytes=" + ",".join(asked), length)
    assert pieces is not None
    assert {n for piece in pieces for n in range(*piece)} == set().union(*(bytes_of(spec, length) for spec in asked))


@given(st.lists(specs, min_size=1, max_size=12), st.integers(0, 40))
def test_no_two_pieces_overlap_or_touch(asked, length):
    pieces = sorted(parse_ranges("bytes=" + ",".join(asked), length) or [])
    assert all(0 <= piece.start < piece.stop <= length for piece in pieces)
    assert all(before.stop < piece.start for before, piece in pairwise(pieces))


@given(st.text() | st.text("bytes=0123456789-, ").map("bytes=".__add__), st.integers(0, 1000))
def test_no_header_is_an_error(header, length):
    assert isinstance(parse_ranges(header, length), list | None)


@given(st.lists(st.binary(max_size=20) | st.tuples(st.integers(0, 400), st.integers(1, 100)), max_size=6))
def test_a_body_holds_its_parts_in_turn(parts):
    parts = [part if isinstance(part, bytes) else ByteRange(part[0], part[0] + part[1]) for part in parts]
    body = RangeBody(io.BytesIO(DATA), parts)
    expected = b"".join(part if isinstance(part, bytes) else DATA[slice(*part)] for part in parts)
    assert b"".join(body) == expected
    assert body.length == len(expected)


def test_a_body_closes_its_file():
    file = io.BytesIO(DATA)
    RangeBody(file, [ByteRange(0, 1)]).close()
    assert file.closed


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    total = 0

    def read(self, size=-1, /):
        data = super().read(size)
        self.total += len(data)
        return data


def test_a_body_reads_nothing_but_its_pieces():
    file = Counting(bytes(10 * BLOCK_SIZE))
    assert b"".join(RangeBody(file, [ByteRange(9 * BLOCK_SIZE, 9 * BLOCK_SIZE + 5), ByteRange(3, 6)])) == bytes(8)
    assert file.total == 8


def test_a_file_is_read_in_blocks_up_to_the_length_and_no_further():
    blocks = list(read_blocks(io.BytesIO(bytes(3 * BLOCK_SIZE)), 2 * BLOCK_SIZE + 1))
    assert [len(block) for block in blocks] == [BLOCK_SIZE, BLOCK_SIZE, 1]


def test_a_file_that_became_shorter_breaks_off_the_response():
    blocks = read_blocks(io.BytesIO(b"abc"), 5)
    assert next(blocks) == b"abc"
    with pytest.raises(EOFError, match="2 bytes shorter"):
        next(blocks)


def test_the_parts_of_a_multipart_body_say_what_they_are():
    body, media_type = multipart(io.BytesIO(DATA), [ByteRange(1, 3), ByteRange(9, 10)], len(DATA), "image/png")
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\w{16,})", media_type)
    assert boundary is not None
    mark = boundary[1].encode()
    assert b"".join(body) == (
        b"--" + mark + b"\r\nContent-Type: image/png\r\nContent-Range: bytes 1-2/512\r\n\r\n\x01\x02\r\n"
        b"--" + mark + b"\r\nContent-Type: image/png\r\nContent-Range: bytes 9-9/512\r\n\r\n\x09\r\n"
        b"--" + mark + b"--\r\n"
    )
    assert body.length == len(b"".join(body))


def test_the_parts_of_a_file_without_a_type_have_none():
    body, _ = multipart(io.BytesIO(DATA), [ByteRange(1, 3), ByteRange(9, 10)], len(DATA), None)
    assert b"Content-Type" not in b"".join(body)


def test_the_boundary_cannot_be_foreseen():
    made = {multipart(io.BytesIO(), [], 0, None)[1] for _ in range(5)}
    assert len(made) == 5
