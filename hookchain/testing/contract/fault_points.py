"""The points where code of the user runs, and what puts a fault there."""

from __future__ import annotations

import asyncio

from werkzeug.wrappers import Response

from hookchain import signals
from hookchain.phases import Phase
from hookchain.request import Request

from .case import Log
from .faults import PAIRED, Put, Watched


def _put_condition(phase: str) -> Put:
    return lambda watched, log: watched.chain.register(
        phase, lambda req: None, when=watched.condition, name="conditional"
    )


def _put_conditional_document(watched: Watched, _: Log) -> None:
    watched.chain.section(when=watched.condition, error_document="sorry")
    watched.chain.access(lambda req: 403)


def _put_conditional_filter(watched: Watched, _: Log) -> None:
    watched.chain.output_filter(when=watched.condition)(lambda req, response: None)


def _put_input_filter(watched: Watched, _: Log) -> None:
    async def read(req: Request) -> None:
        await req.aget_data()

    def use(req: Request, stream: object) -> object:
        watched.fault()
        return stream

    watched.chain.input_filter(use)
    watched.chain.fixup(read if watched.is_async else lambda req: req.get_data() and None)


def _put_output_filter(watched: Watched, _: Log) -> None:
    async def afilter(req: Request, response: Response) -> object:
        await asyncio.sleep(0)
        return watched.fault()

    watched.chain.output_filter(afilter if watched.is_async else watched.fail)


def _put_error_document(watched: Watched, _: Log) -> None:
    watched.chain.error_document(404, watched.handler(watched.fail))
    watched.chain.access(lambda req: 404)


def _put_added(phase: str) -> Put:
    return lambda watched, log: watched.chain.register(
        "trans", lambda req: req.add_handler(phase, watched.handler(watched.fail)), name="adds"
    )


def _put_cleanup(watched: Watched, _: Log) -> None:
    async def acleanup() -> object:
        await asyncio.sleep(0)
        return watched.fault()

    cleanup = acleanup if watched.is_async else watched.fail
    watched.chain.register("trans", lambda req: req.register_cleanup(cleanup), name="registers")


def _put_access_log(watched: Watched, log: Log) -> None:
    log.then, log.may_lose_lines = watched.fail, True


def _put_handler(phase: Phase) -> Put:
    return lambda watched, log: watched.chain.register(phase, watched.handler(watched.fail))


def _put_first_half(phase: Phase) -> Put:
    return lambda watched, log: watched.chain.register(phase, watched.first_half())


def _put_second_half(phase: Phase) -> Put:
    return lambda watched, log: watched.chain.register(phase, watched.second_half())


def _put_receiver(signal: object) -> Put:
    return lambda watched, log: watched.receive(signal)


def _put_nothing(_watched: Watched, _log: Log) -> None:
    """Leave the fault to the body."""


POINTS: dict[str, Put] = {
    **{f"a handler of {phase.name}": _put_handler(phase) for phase in Phase},
    **{f"a first half in {phase.name}": _put_first_half(phase) for phase in PAIRED},
    **{f"a second half in {phase.name}": _put_second_half(phase) for phase in PAIRED},
    **{f"the condition of a handler of {phase}": _put_condition(phase) for phase in ("fixup", "log", "cleanup")},
    "the condition of an error document": _put_conditional_document,
    "the condition of an output filter": _put_conditional_filter,
    "an input filter": _put_input_filter,
    "an output filter": _put_output_filter,
    "an error document": _put_error_document,
    **{f"an added handler of {phase}": _put_added(phase) for phase in ("access", "log", "cleanup")},
    "a registered cleanup": _put_cleanup,
    "the access log": _put_access_log,
    **{f"the body's chunk {number}": _put_nothing for number in (0, 2)},
    "the body's close": _put_nothing,
    **{f"a receiver of {signal.name}": _put_receiver(signal) for signal in (*signals.OBSERVING, signals.got_exception)},
}
"""Where code of the user runs, by what puts a fault there."""
