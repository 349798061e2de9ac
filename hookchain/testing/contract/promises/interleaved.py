"""Many requests at once: what is one's is never seen in another."""

from __future__ import annotations

import asyncio
import collections
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hookchain.chain import HookChain
from hookchain.order import Order
from hookchain.phases import CYCLE_PHASES, Phase
from hookchain.records import current_request
from hookchain.request import Request
from hookchain.results import OK
from hookchain.testing.contract.case import Case
from hookchain.testing.contract.exchanges import Answer, Sent
from hookchain.testing.contract.pages import SEEN

REQUESTS = 300
PAIRED = [phase for phase in CYCLE_PHASES if phase is not Phase.CONTENT]


class Interleaved(Case):
    """DESIGN 2, context: "no other request ever does"."""

    @pytest.mark.parametrize("kind", ["sync", "async", "mixed"])
    def test_no_value_of_a_request_is_ever_seen_in_another(self, kind: str) -> None:
        chain = self.chain()
        chain.keeps_trace = False  # as in production
        watch = Watch(chain, kind)
        requests = [self.numbered(number) for number in range(REQUESTS)]
        answers = self.server(chain).ask_all(requests)
        wrong = [self.wrong(answer, str(number)) for number, answer in enumerate(answers)]
        assert [text for text in wrong if text] == []
        assert watch.strangers == []
        for phase in ("LOG", "CLEANUP", "registered"):
            assert watch.finished[phase] == collections.Counter(str(number) for number in range(REQUESTS))
        assert len(self.log(chain).lines) == REQUESTS

    @staticmethod
    def numbered(number: int) -> Sent:
        """Return a request that says in every way which one it is; a third of them is content of the chain."""
        path = ("/content", "/streamed", "/app")[number % 3]
        headers = {"X-Number": str(number), "Cookie": f"number={number}"}
        return Sent(f"{path}?seen&number={number}", "POST", {"headers": headers, "data": str(number)})

    def wrong(self, answer: Answer, number: str) -> str:
        """Tell what is wrong with an answer; "" where nothing is."""
        said = answer.headers.get("X-Number"), answer.headers.get("X-Filter")
        app = f"POST /app?seen&number={number} for user {number}{number} seen {number}"
        expected = {f"{number} {number}", app} if self.place.has_app else {f"{number} {number}"}
        is_missing = not self.place.has_app and answer.status == 404
        if said == (number, number) and (answer.text in expected or is_missing):
            return ""
        return f"request {number} was answered {answer.status} {said} {answer.text!r} ({answer.raised!r})"


class Watch:
    """Handlers in every phase that look whether what they find is their own request's.

    Attributes:
        strangers: what they found of others.
        finished: how often each finisher ran, by request.
    """

    def __init__(self, chain: HookChain, kind: str) -> None:
        """Register the handlers: sync ones, async ones, or in turn."""
        self.strangers: list[str] = []
        self.finished: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        chain.register("post_read_request", self._begin, order=Order.REALLY_FIRST)
        for position, phase in enumerate(PAIRED):
            is_async = kind == "async" or (kind == "mixed" and position % 2 == 1)
            chain.register(phase, self._apair if is_async else self._pair, name=f"look in {phase.name}")
        chain.register("authen", self._user, order=Order.FIRST)
        chain.register("authz", lambda req: OK, order=Order.LAST)
        chain.content("/content")(self._acontent if kind == "async" else self._content)
        chain.content("/streamed")(self._astreamed if kind != "sync" else self._streamed)
        chain.output_filter(lambda req, response: response.headers.set("X-Filter", SEEN.get()))
        for phase in (Phase.LOG, Phase.CLEANUP):
            chain.register(phase, self._finisher(phase.name), name=phase.name)

    def look(self, req: Request) -> None:
        """Look at everything that could be another's."""
        number = req.headers["X-Number"]
        found = {
            "a note": req.notes["number"],
            "a value": SEEN.get(),
            "the query": req.args["number"],
            "a cookie": req.cookies["number"],
            "the user": str(req.user or f"user {number}").removeprefix("user "),
            "a header": req.err_headers_out["X-Number"],
            "the current request": current_request().headers["X-Number"],
        }
        self.strangers += [f"{what} of {value} in {number}" for what, value in found.items() if value != number]

    def _begin(self, req: Request) -> None:
        number = req.headers["X-Number"]
        if SEEN.get() != "nothing":
            self.strangers.append(f"a value of {SEEN.get()} at the start of {number}")
        SEEN.set(number)
        req.notes["number"] = req.err_headers_out["X-Number"] = number
        req.register_cleanup(lambda: self.finished["registered"].update([number]))

    def _user(self, req: Request) -> object:
        req.user = f"user {req.headers['X-Number']}"
        return OK

    def _pair(self, req: Request) -> Iterator[object]:
        self.look(req)
        time.sleep(0)
        self.look(req)
        yield OK if req.phase is Phase.AUTHEN else None
        self.look(req)

    async def _apair(self, req: Request) -> AsyncIterator[object]:
        self.look(req)
        for _ in range(int(req.headers["X-Number"]) % 5):
            await asyncio.sleep(0)
        self.look(req)
        yield OK if req.phase is Phase.AUTHEN else None
        await asyncio.sleep(0)
        self.look(req)

    def _content(self, req: Request) -> str:
        self.look(req)
        return f"{req.get_data().decode()} {SEEN.get()}"

    async def _acontent(self, req: Request) -> str:
        self.look(req)
        return f"{(await req.aget_data()).decode()} {SEEN.get()}"

    def _streamed(self, req: Request) -> Iterator[str]:
        yield f"{req.headers['X-Number']} "
        self.look(req)
        yield SEEN.get()

    async def _astreamed(self, req: Request) -> AsyncIterator[str]:
        yield f"{req.headers['X-Number']} "
        await asyncio.sleep(0)
        self.look(req)
        yield SEEN.get()

    def _finisher(self, name: str) -> Callable[[Request], Any]:
        def finish(req: Request) -> None:
            self.look(req)
            self.finished[name].update([req.headers["X-Number"]])

        return finish
