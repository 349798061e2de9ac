"""The request body: read once, limited, replayed to whoever asks next."""

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import threading
import weakref
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge

from hookchain.body import MAX_MEMORY, RequestBody
from hookchain.body_source import CHUNK

DATA = bytes(range(256)) * 4


class Source:
    """A stream and a `receive` that count what they gave, at most `step` bytes at a time."""

    def __init__(self, data=DATA, step=CHUNK, error=None):
        self.data = data
        self.step = step
        self.error = error
        self.given = 0
        self.calls = 0

    def read(self, size=-1, /):
        assert size > 0, "a source must never be asked for everything"
        self.calls += 1
        data = self.data[self.given : self.given + min(size, self.step)]
        if not data and self.error:
            raise self.error
        self.given += len(data)
        return data

    async def receive(self):
        return self.read(self.step)


def step(coroutine):
    """Run a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


def make(source, *, is_async=False, **options):
    if not is_async:
        return RequestBody(source, **options)
    body = RequestBody(receive=source.receive, **options)
    body.bridge = step
    return body


async def gather(chunks):
    return b"".join([chunk async for chunk in chunks])


async def drain(next_chunk):
    chunks = []
    while chunk := await next_chunk():
        chunks.append(chunk)
    return b"".join(chunks)


def rewound(body):
    body.rewind()
    return body.stream.read()


# Every way to get the whole body; each must give the same bytes.
WAYS = {
    "get_data": lambda body, run: body.get_data(),
    "aget_data": lambda body, run: run(body.aget_data()),
    "stream": lambda body, run: rewound(body),
    "reader": lambda body, run: body.reader().read(),
    "areader": lambda body, run: run(gather(body.areader())),
    "replay": lambda body, run: body.replay(keep=True).read(),
    "areplay": lambda body, run: run(drain(body.areplay(keep=True))),
}


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request):
    return request.param


@pytest.fixture
def run():
    """Run coroutines on one event loop, as a driver does."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(params=WAYS)
def whole(request, run):
    return lambda body: WAYS[request.param](body, run)


class Interleaving(RuleBasedStateMachine):
    """Any number of readers take turns; each of them sees the body from its start, up to the limit."""

    def __init__(self):
        super().__init__()
        self.readers = []

    @initialize(
        data=st.binary(max_size=60),
        step_size=st.integers(1, 20),
        limit=st.none() | st.integers(0, 70),
        declared=st.booleans(),
        is_async=st.booleans(),
        max_memory=st.integers(0, 30),
    )
    def begin(self, data, step_size, limit, declared, is_async, max_memory):
        self.source = Source(data, step_size)
        length = len(data) if declared else None
        self.data, self.limit, self.declared = data, limit, declared
        options = {"content_length": length, "limit": limit, "max_memory": max_memory}
        self.body = make(self.source, is_async=is_async, **options)

    def expect(self, limit, seen, take):
        """Let a reader that saw `seen` bytes take its next ones, and return them, or None where it met its limit."""
        limits = [one for one in (limit, self.limit) if one is not None]
        limit = min(limits, default=len(self.data))
        try:
            data = take()
        except RequestEntityTooLarge:
            assert len(self.data) > limit
            assert self.declared or seen == limit or take is self.whole
            return None
        assert not (self.declared and len(self.data) > limit)
        assert seen + len(data) <= limit
        assert self.data[seen : seen + len(data)] == data
        return data

    @precondition(lambda self: len(self.readers) < 4)
    @rule(kind=st.sampled_from(["reader", "areader", "replay", "areplay"]), limit=st.none() | st.integers(0, 70))
    def new_reader(self, kind, limit):
        if kind == "reader":
            self.readers.append([limit, 0, self.body.reader(limit).read1])
        elif kind == "replay":
            self.readers.append([None, 0, self.body.replay(keep=True).read1])
        elif kind == "areader":
            chunks = self.body.areader(limit)
            self.readers.append([limit, 0, lambda _size: step(anext(chunks, b"").__await__())])
        else:
            next_chunk = self.body.areplay(keep=True)
            self.readers.append([None, 0, lambda _size: step(next_chunk())])

    @precondition(lambda self: self.readers)
    @rule(which=st.integers(0, 3), size=st.integers(1, 70))
    def read(self, which, size):
        reader = self.readers[which % len(self.readers)]
        limit, seen, read = reader
        data = self.expect(limit, seen, partial(read, size))
        if data == b"":
            assert seen == len(self.data)
            assert self.body.complete
        if data is None:
            self.readers.remove(reader)
        else:
            reader[1] += len(data)

    @rule(limit=st.none() | st.integers(0, 70), twin=st.booleans())
    def get_data(self, limit, twin):
        self.whole = lambda: step(self.body.aget_data(limit)) if twin else self.body.get_data(limit)
        data = self.expect(limit, 0, self.whole)
        assert data is None or data == self.data

    @invariant()
    def nothing_is_read_twice_or_for_nothing(self):
        if hasattr(self, "body"):
            assert self.body.bytes_received == self.source.given
            if self.limit is not None:
                assert self.source.given <= self.limit + self.source.step
                assert not (self.declared and len(self.data) > self.limit and self.source.given)

    def teardown(self):
        if hasattr(self, "body"):
            self.body.close()


TestInterleaving = Interleaving.TestCase


def test_every_way_to_read_gives_the_whole_body_again_and_again(whole, is_async):
    source = Source(step=100)
    body = make(source, is_async=is_async)
    assert [whole(body), body.get_data(), asyncio.run(body.aget_data()), body.reader().read()] == [DATA] * 4
    assert (body.bytes_received, source.given, body.complete) == (len(DATA), len(DATA), True)
    body.close()


def test_a_body_of_no_bytes_is_empty_and_complete(whole, is_async):
    body = make(Source(b""), is_async=is_async)
    assert not body.complete
    assert whole(body) == b""
    assert body.complete
    body.close()


def test_a_request_without_body_is_complete_from_the_start(whole):
    body = RequestBody()
    assert (body.complete, body.length, body.filtered, body.bytes_received) == (True, None, False, 0)
    assert whole(body) == b""
    assert body.exhaust(10)


def test_a_declared_length_of_zero_asks_the_source_for_nothing(whole, is_async):
    source = Source()
    assert whole(make(source, is_async=is_async, content_length=0)) == b""
    assert source.calls == 0


def test_a_body_has_one_source():
    with pytest.raises(TypeError, match="stream or receive"):
        RequestBody(Source(), receive=Source().receive)


def test_a_body_that_nobody_reads_costs_no_read(is_async):
    source = Source()
    body = make(source, is_async=is_async, content_length=len(DATA))
    body.stream, body.reader(), body.replay(), body.areader(), body.areplay()
    assert (body.length, source.calls, body.bytes_received, body.complete) == (len(DATA), 0, 0, False)


def test_what_lies_behind_the_declared_length_is_left_to_the_server(whole):
    source = Source(DATA + b"next request")
    body = RequestBody(source, content_length=len(DATA))
    assert whole(body) == DATA
    assert source.given == len(DATA)
    body.close()


def test_a_complete_body_of_declared_length_is_not_asked_for_its_end(is_async):
    source = Source()
    body = make(source, is_async=is_async, content_length=len(DATA))
    body.get_data()
    assert (body.complete, source.calls) == (True, 1)
    body.close()


def test_a_body_is_complete_with_its_last_declared_byte(is_async):
    body = make(Source(step=100), is_async=is_async, content_length=len(DATA))
    reader = body.replay()
    assert (reader.read(len(DATA)), body.complete) == (DATA, True)


# Limits


def test_a_declared_length_over_the_limit_is_refused_unread(whole, is_async):
    source = Source()
    body = make(source, is_async=is_async, content_length=len(DATA), limit=len(DATA) - 1)
    for _ in range(2):
        with pytest.raises(RequestEntityTooLarge):
            whole(body)
    assert source.calls == 0


def test_a_declared_length_over_the_callers_limit_leaves_the_body_to_others(is_async):
    body = make(Source(), is_async=is_async, content_length=len(DATA), limit=5000)
    with pytest.raises(RequestEntityTooLarge):
        body.get_data(10)
    assert body.bytes_received == 0
    assert body.get_data(len(DATA)) == DATA
    body.close()


@pytest.mark.parametrize("excess", [1, 10 * CHUNK])
def test_an_undeclared_body_is_read_to_the_limit_and_one_chunk(whole, is_async, excess):
    limit = 3 * CHUNK + 5
    source = Source(b"x" * (limit + excess))
    body = make(source, is_async=is_async, limit=limit)
    with pytest.raises(RequestEntityTooLarge):
        whole(body)
    assert source.given <= limit + (CHUNK if is_async else 1)
    assert body.limit == limit
    body.close()


@pytest.mark.parametrize("declared", [False, True])
def test_a_body_that_just_fits_the_limit_passes(whole, is_async, declared):
    body = make(Source(), is_async=is_async, limit=len(DATA), content_length=len(DATA) if declared else None)
    assert whole(body) == DATA
    body.close()


@pytest.mark.parametrize(("own", "callers"), [(500, 900), (900, 500), (500, None), (None, 500)])
def test_the_smaller_limit_counts(is_async, own, callers):
    for read in (RequestBody.get_data, lambda body, limit: asyncio.run(body.aget_data(limit))):
        body = make(Source(), is_async=is_async, limit=own)
        with pytest.raises(RequestEntityTooLarge):
            read(body, callers)
        source = Source(DATA[:500])
        assert read(make(source, is_async=is_async, limit=own), callers) == DATA[:500]
        body.close()


def test_a_reader_has_a_limit_of_its_own(is_async):
    body = make(Source(), is_async=is_async)
    reader = body.reader(100)
    assert reader.read1(1000) == DATA[:100]
    with pytest.raises(RequestEntityTooLarge):
        reader.read1(1000)
    with pytest.raises(RequestEntityTooLarge):
        asyncio.run(gather(body.areader(100)))
    assert body.get_data() == DATA
    body.close()


def test_crossing_a_limit_loses_nothing(whole, is_async):
    body = make(Source(step=7), is_async=is_async)
    for limit in (0, 10, 100):
        with pytest.raises(RequestEntityTooLarge):
            body.get_data(limit)
    assert whole(body) == DATA
    assert body.bytes_received == len(DATA)
    body.close()


def test_a_replay_that_keeps_nothing_is_limited_too(is_async):
    body = make(Source(step=64), is_async=is_async, limit=100)
    replay = body.replay()
    assert replay.read1(64) + replay.read1(64) == DATA[:100]
    for _ in range(2):
        with pytest.raises(RequestEntityTooLarge):
            replay.read1(64)
    assert body.bytes_received <= 164


# Replaying


@pytest.mark.parametrize("before", [0, 100, len(DATA)])
def test_the_app_gets_what_handlers_read_and_the_rest(is_async, before):
    for replayed in (lambda body: body.replay().read(), lambda body: asyncio.run(drain(body.areplay()))):
        body = make(Source(step=50), is_async=is_async)
        assert body.reader().read(before) == DATA[:before]
        assert replayed(body) == DATA
        body.close()


def test_a_replay_is_not_recorded_so_that_a_later_reader_is_told(whole, is_async):
    body = make(Source(), is_async=is_async)
    assert body.replay().read() == DATA
    with pytest.raises(RuntimeError, match="keep=True"):
        whole(body)
    assert body.complete


def test_a_second_replay_shares_what_was_kept_and_no_more():
    body = RequestBody(Source(step=10))
    kept = body.reader().read1(10)
    assert body.replay().read() == DATA
    second = body.replay()
    assert second.read1(10) == kept
    with pytest.raises(RuntimeError, match="not kept"):
        second.read1(10)
    body.close()


def test_a_chunk_larger_than_asked_for_is_given_in_parts():
    body = make(Source(step=1000), is_async=True)
    replay = body.replay()
    assert [replay.read1(10), replay.read1(10), replay.read()] == [DATA[:10], DATA[10:20], DATA[20:]]


def test_an_async_replay_passes_chunks_as_they_come():
    async def receive():
        return chunks.pop(0)

    chunks = [b"a" * (2 * CHUNK), b"b", b""]
    next_chunk = RequestBody(receive=receive).areplay()
    assert [step(next_chunk()) for _ in range(4)] == [b"a" * (2 * CHUNK), b"b", b"", b""]


# Streams


def test_a_reader_is_a_binary_stream(is_async):
    text = b"one\ntwo\n\nfour"
    body = make(Source(text, step=3), is_async=is_async)
    reader = body.reader()
    assert reader.readable()
    assert not reader.seekable()
    assert reader.readline() == b"one\n"
    buffer = bytearray(3)
    assert reader.readinto(buffer) == 3
    assert buffer == b"two"
    assert list(reader) == [b"\n", b"\n", b"four"]
    assert reader.read(5) == b""
    assert body.reader().readlines() == text.splitlines(keepends=True)
    assert io.TextIOWrapper(body.reader(), encoding="ascii").read() == text.decode()
    body.close()


def test_closing_a_reader_leaves_the_body_open():
    body = RequestBody(io.BytesIO(DATA))
    with body.reader() as reader:
        reader.read(10)
    body.stream.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read(10)
    assert body.get_data() == DATA
    body.close()


def test_the_stream_reads_on_until_it_is_rewound():
    body = RequestBody(Source())
    assert body.stream is body.stream
    assert body.stream.read(10) + body.stream.read(10) == DATA[:20]
    body.rewind()
    assert body.stream.read(10) == DATA[:10]
    body.close()


def test_a_reader_asks_for_no_more_than_its_buffer_so_that_slow_clients_are_heard():
    source = Source(b"line\n" * CHUNK)
    body = RequestBody(source)
    body.reader().readline()
    assert source.given <= io.DEFAULT_BUFFER_SIZE
    body.close()


# Sync and async


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (RequestBody.get_data, r"^get_data\(\) would block the event loop: use await req.aget_data\(\)$"),
        (lambda body: body.stream.read(), "stream would block the event loop: use await req.aget_data"),
        (lambda body: body.replay().read(), r"^replay\(\) would block the event loop: use areplay\(\)$"),
        (lambda body: body.exhaust(10), r"^exhaust\(\) would block the event loop: use await aexhaust\(\)$"),
    ],
)
def test_a_sync_call_on_the_event_loop_names_its_twin(call, message):
    async def handler():
        with pytest.raises(RuntimeError, match=message):
            call(body)
        assert await body.aget_data() == DATA
        assert body.get_data() == DATA, "nothing to wait for any more"

    body = make(Source(), is_async=True)
    asyncio.run(handler())
    body.close()


def test_a_sync_call_without_a_bridge_names_its_twin():
    body = RequestBody(receive=Source().receive)
    assert body.bridge is None
    with pytest.raises(RuntimeError, match=r"get_data\(\) cannot wait .* use await req.aget_data\(\)"):
        body.get_data()
    body.bridge = step
    assert body.bridge is step
    assert body.get_data() == DATA
    body.close()


def test_a_worker_thread_reads_an_async_source_through_the_bridge():
    async def receive():
        threads.add(threading.get_ident())
        await asyncio.sleep(0)
        return await source.receive()

    async def main():
        loop = asyncio.get_running_loop()
        body.bridge = lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result()
        data = await asyncio.to_thread(body.get_data)
        return data, threading.get_ident()

    threads, source = set(), Source(step=100)
    body = RequestBody(receive=receive)
    data, loop_thread = asyncio.run(main())
    assert (data, threads) == (DATA, {loop_thread})
    body.close()


# Filters


class Upper:
    """A filter with nothing but `read`."""

    def __init__(self, stream):
        self.stream = stream

    def read(self, size=-1, /):
        return self.stream.read(size).upper()


class Twice(Upper):
    """A filter that gives more than it is asked for."""

    def read(self, size=-1, /):
        return self.stream.read(size) * 2


class Watched(Upper):
    """A filter that notes the threads that read it."""

    def __init__(self, threads, stream):
        super().__init__(stream)
        self.threads = threads

    def read(self, size=-1, /):
        self.threads.append(threading.get_ident())
        return super().read(size)


def eager(stream):
    """Filter by reading everything at once."""
    return io.BytesIO(stream.read()[::-1])


async def by_word(chunks):
    """Filter by cutting chunks, some of them empty."""
    async for chunk in chunks:
        yield b""
        for word in chunk.split():
            yield word


TEXT = b"one two three"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([Upper], b"ONE TWO THREE"),
        ([eager], TEXT[::-1]),
        ([by_word], b"onetwothree"),
        ([Upper, eager], TEXT.upper()[::-1]),
        ([Upper, by_word], b"ONETWOTHREE"),
        ([by_word, Upper], b"ONETWOTHREE"),
        ([by_word, eager, by_word, Upper], b"EERHTOWTENO"),
        ([by_word, by_word], b"onetwothree"),
    ],
)
def test_filters_stand_in_their_order_before_every_reader(whole, run, is_async, filters, expected):
    body = make(Source(TEXT), is_async=is_async, content_length=len(TEXT))
    body.bridge = run
    for wrap in filters:
        (body.add_async_filter if wrap is by_word else body.add_filter)(wrap)
    assert (body.filtered, body.length, body.bytes_received) == (True, None, 0)
    assert [whole(body), whole(body), body.get_data()] == [expected] * 3
    assert (body.complete, body.bytes_received) == (True, len(TEXT))
    body.close()


def test_a_sync_filter_of_an_async_body_is_read_without_a_bridge_from_the_loop(is_async):
    body = RequestBody(receive=Source(TEXT).receive)
    body.add_filter(eager if is_async else Upper)
    assert asyncio.run(body.aget_data()) == (TEXT[::-1] if is_async else TEXT.upper())
    body.close()


def test_a_sync_filter_of_an_async_body_does_not_block_the_loop():
    async def receive():
        await asyncio.wait_for(other.wait(), 10)
        return await source.receive()

    async def main():
        task = asyncio.create_task(body.aget_data())
        await asyncio.sleep(0)
        other.set()
        return await task

    other, source = asyncio.Event(), Source(TEXT)
    body = RequestBody(receive=receive)
    body.add_filter(Upper)
    assert asyncio.run(main()) == TEXT.upper()
    body.close()


def test_filters_of_a_sync_source_are_read_inline():
    body = RequestBody(Source(TEXT))
    body.add_filter(partial(Watched, threads := []))
    assert asyncio.run(body.aget_data()) == TEXT.upper()
    assert set(threads) == {threading.get_ident()}
    body.close()


def test_an_async_filter_makes_a_sync_source_one_to_wait_for():
    body = RequestBody(Source(TEXT))
    body.add_async_filter(by_word)
    with pytest.raises(RuntimeError, match="cannot wait"):
        body.get_data()
    assert asyncio.run(body.aget_data()) == b"onetwothree"
    body.close()


def test_a_filter_is_too_late_when_something_was_read(is_async):
    body = make(Source(), is_async=is_async)
    body.reader().read(1)
    for add in (body.add_filter, body.add_async_filter):
        with pytest.raises(RuntimeError, match="before the first read"):
            add(Upper)
    assert body.get_data() == DATA
    body.close()


def test_a_filter_is_too_late_when_another_one_was_started():
    body = RequestBody(Source(b""))
    body.add_filter(Upper)
    body.get_data()
    with pytest.raises(RuntimeError, match="before the first read"):
        body.add_filter(Upper)


def test_no_filter_is_called_without_a_body(whole):
    body = RequestBody()
    body.add_filter(lambda stream: pytest.fail("called"))
    assert whole(body) == b""


def test_a_filter_that_gives_more_than_asked_for_loses_nothing():
    data, size = DATA * 20, io.DEFAULT_BUFFER_SIZE
    body = RequestBody(Source(data))
    body.add_filter(Twice)
    replay = body.replay()
    assert replay.read(10) + replay.read(size) + replay.read() == data[:size] * 2 + data[size:] * 2


def test_the_limit_counts_what_a_filter_makes(whole, is_async):
    packed = gzip.compress(bytes(10**6))
    body = make(Source(packed), is_async=is_async, content_length=len(packed), limit=5000)
    body.add_filter(lambda stream: gzip.GzipFile(fileobj=stream))
    with pytest.raises(RequestEntityTooLarge):
        whole(body)
    body.close()


def test_a_callers_limit_counts_what_a_filter_makes_alone(is_async):
    data = b" " * 100 + b"word"
    body = make(Source(data), is_async=is_async, content_length=len(data))
    body.add_filter(lambda stream: io.BytesIO(stream.read().strip()))
    assert body.get_data(4) == b"word"
    body.close()


@pytest.mark.parametrize("declared", [False, True])
def test_the_limit_counts_what_goes_into_a_filter(whole, run, is_async, declared):
    source = Source(b" " * 10 * CHUNK)
    body = make(source, is_async=is_async, limit=CHUNK, content_length=len(source.data) if declared else None)
    body.add_async_filter(by_word)
    body.bridge = run
    for _ in range(2):
        with pytest.raises(RequestEntityTooLarge):
            whole(body)
    assert source.given <= (0 if declared else 2 * CHUNK)


def test_small_bodies_pass_filter_and_limit(whole, is_async):
    body = make(Source(TEXT), is_async=is_async, limit=len(TEXT), content_length=len(TEXT))
    body.add_filter(Upper)
    assert whole(body) == TEXT.upper()
    body.close()


# Clients that leave


@pytest.mark.parametrize("wrap", [None, Upper, by_word])
def test_a_body_shorter_than_declared_is_a_client_that_left(whole, run, is_async, wrap):
    body = make(Source(), is_async=is_async, content_length=len(DATA) + 1)
    body.bridge = run
    if wrap:
        (body.add_async_filter if wrap is by_word else body.add_filter)(wrap)
    for _ in range(2):
        with pytest.raises(ClientDisconnected, match=f"after {len(DATA)} of {len(DATA) + 1} bytes") as caught:
            whole(body)
    assert isinstance(caught.value, BadRequest)
    assert not body.complete
    assert wrap or body.reader().read(len(DATA)) == DATA, "what came is there"
    body.close()


@pytest.mark.parametrize("error", [OSError("reset"), ClientDisconnected(), TimeoutError()])
def test_errors_of_the_source_pass_and_stay(whole, is_async, error):
    body = make(Source(error=error), is_async=is_async)
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            whole(body)
        assert caught.value is error
    body.close()


def test_a_broken_source_is_not_asked_again(is_async):
    source = Source(b"", error=OSError())
    body = make(source, is_async=is_async)
    for _ in range(3):
        with pytest.raises(OSError, match=r"^$"):
            body.get_data()
    assert source.calls == 1


async def cancelled(body):
    with suppress(TimeoutError):
        await asyncio.wait_for(body.aget_data(), 0.001)
    return await body.aget_data()


class SlowSource(Source):
    async def receive(self):
        if self.given == 100 and not self.error:
            self.error = EOFError()
            await asyncio.sleep(10)
        return self.read(100) if self.given < len(self.data) else b""


def test_an_interrupted_read_can_be_taken_up_again():
    body = RequestBody(receive=SlowSource().receive)
    assert asyncio.run(cancelled(body)) == DATA
    body.close()


def test_an_interrupted_filter_never_passes_for_one_that_ended():
    body = RequestBody(receive=SlowSource().receive)
    body.add_async_filter(by_word)
    with pytest.raises(RuntimeError, match="interrupted"):
        asyncio.run(cancelled(body))
    assert not body.complete
    body.close()


# Draining


def exhaust(body, max_bytes):
    return body.exhaust(max_bytes)


def aexhaust(body, max_bytes):
    return asyncio.run(body.aexhaust(max_bytes))


@pytest.fixture(params=[exhaust, aexhaust])
def drained(request):
    return request.param


def test_exhaust_drops_what_nobody_read(drained, is_async):
    body = make(Source(step=100), is_async=is_async, limit=10)
    reader = body.reader()
    reader.read(5)
    assert drained(body, 10**6)
    assert (body.complete, body.bytes_received) == (True, len(DATA))
    with pytest.raises(RequestEntityTooLarge):
        body.get_data()
    body.close()
    assert drained(body, 10**6)


def test_exhaust_stops_at_its_bound(drained, is_async):
    source = Source(step=100)
    body = make(source, is_async=is_async)
    assert not drained(body, 150)
    assert 150 <= source.given < 250
    assert not drained(body, 0)
    assert not body.complete
    with pytest.raises(RuntimeError, match="not kept"):
        body.get_data()


def test_exhaust_of_a_body_that_was_read_takes_nothing_from_it(drained, is_async):
    body = make(Source(), is_async=is_async)
    body.get_data()
    assert drained(body, 10)
    assert body.get_data() == DATA
    body.close()


def test_exhaust_on_the_loop_has_nothing_to_wait_for_once_all_was_read():
    async def main():
        await body.aget_data()
        return body.exhaust(10)

    body = make(Source(), is_async=True)
    assert asyncio.run(main())
    body.close()


def test_exhaust_leaves_to_a_filter_what_it_has_in_hand(drained, is_async):
    body = make(Source(), is_async=is_async)
    body.add_filter(eager)
    reader = body.reader()
    assert reader.read1(1) == DATA[-1:]
    assert drained(body, 10)
    assert not body.complete
    assert body.get_data() == DATA[::-1]
    body.close()


def test_exhaust_drops_what_a_filter_did_not_ask_for(drained, is_async):
    body = make(Source(b"ab", step=1), is_async=is_async)
    body.add_filter(Twice)
    assert body.reader().read1(1) == b"a"
    assert drained(body, 1) is False
    assert not body.complete
    with pytest.raises(RuntimeError, match="not kept"):
        body.get_data()
    body.close()


def test_exhaust_meets_a_client_that_left(drained, is_async):
    with pytest.raises(ClientDisconnected):
        drained(make(Source(), is_async=is_async, content_length=len(DATA) + 1), 10**6)


# Memory, and the end


@pytest.mark.parametrize("max_memory", [0, 100, MAX_MEMORY])
@pytest.mark.parametrize("excess", [0, 1])
def test_a_body_over_max_memory_lies_on_disk(monkeypatch, whole, max_memory, excess):
    files = []
    monkeypatch.setattr(
        "hookchain.body.TemporaryFile", lambda *args, **options: files.append(io.BytesIO()) or files[-1]
    )
    data = b"x" * (max_memory + excess)
    body = RequestBody(Source(data), max_memory=max_memory)
    assert whole(body) == data
    assert whole(body) == data
    body.close()
    assert [file.closed for file in files] == [True] * excess


def test_a_large_body_survives_the_way_over_the_disk(whole, is_async):
    data = bytes(range(251)) * 5000
    body = make(Source(data), is_async=is_async, max_memory=1000)
    body.reader().read(CHUNK + 1)
    assert whole(body) == data
    body.close()


def test_a_closed_body_cannot_be_read(whole, is_async):
    body = make(Source(), is_async=is_async, content_length=len(DATA))
    reader = body.reader()
    reader.read1(1)
    body.close()
    body.close()
    with pytest.raises(ValueError, match="closed"):
        whole(body)
    with pytest.raises(ValueError, match="closed"):
        reader.read(2000)


def test_a_body_closed_unread_cannot_be_read(whole):
    for body in (RequestBody(), RequestBody(Source())):
        body.close()
        with pytest.raises(ValueError, match="closed"):
            whole(body)


@pytest.mark.parametrize("wrap", [None, Upper])
def test_a_closed_body_is_freed_without_the_garbage_collector(wrap, is_async):
    source = Source(TEXT)
    gone = weakref.ref(source)
    body = make(source, is_async=is_async)
    if wrap:
        body.add_filter(wrap)
    gc.disable()
    try:
        body.get_data()
        body.close()
        del body, source
        assert gone() is None
    finally:
        gc.enable()


@given(data=st.binary(max_size=200), sizes=st.lists(st.integers(1, 50), max_size=20), cut=st.integers(0, 200))
def test_replay_continues_where_readers_stopped(data, sizes, cut):
    for is_async in (False, True):
        body = make(Source(data, step=13), is_async=is_async)
        reader = body.reader()
        assert data.startswith(b"".join(reader.read1(size) for size in sizes))
        replay = body.replay()
        assert replay.read(cut) + replay.read() == data
        body.close()
