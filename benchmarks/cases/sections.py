"""Which of so many sections apply to a path: all that do, not the first alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from benchmarks.timing import Case
from benchmarks.work import function
from hookchain import HookChain
from hookchain.testing import make_request

COUNTS = (10, 100, 1000, 10000)
_WORDS = ("app", "blog", "shop", "user", "img", "doc", "api", "team", "news", "data")
_MOST_SEGMENTS = 5


def locations(count: int) -> list[str]:
    """Make up so many locations, about a third of them below another one."""
    chance = random.Random(7)
    found: dict[str, None] = {}
    while len(found) < count:
        below = chance.choice(list(found)[-50:]) if found and chance.random() < 1 / 3 else ""
        if below.count("/") < _MOST_SEGMENTS:
            found[f"{below}/{chance.choice(_WORDS)}{chance.randrange(max(2 * count, 20))}"] = None
    return list(found)


def paths(prefixes: list[str]) -> list[str]:
    """Choose paths: below the first, a middle, the last and the deepest; one itself; three that none covers."""
    deepest = max(prefixes, key=lambda prefix: prefix.count("/"))
    return [
        f"{prefixes[0]}/index.html",
        f"{prefixes[len(prefixes) // 2]}/a/b.html",
        f"{prefixes[-1]}/page",
        f"{deepest}/x/y/z.png",
        prefixes[len(prefixes) // 3],
        "/nothing/here/at/all.html",
        "/",
        f"{prefixes[0]}x/index.html",
    ]


def chain_with(prefixes: list[str], handlers: int = 1) -> HookChain:
    """Make a chain with a section for each location."""
    chain = HookChain(access_log=False)
    for prefix in prefixes:
        section = chain.section(prefix)
        for number in range(handlers):
            section.register("access", lambda _: None, name=f"{prefix}.{number}")
    chain.compile()
    return chain


def _check(chain: HookChain, prefixes: list[str], path: str) -> None:
    expected = {prefix for prefix in prefixes if path == prefix or path.startswith(f"{prefix}/")}
    found = {node.prefix for node in chain.plan.find(path, "GET", None).nodes} - {"/"}
    if found != expected:
        raise RuntimeError(f"{path}: {found} apply, not {expected}")


def _each(call: Callable[[Any], Any], arguments: list[Any]) -> Callable[[], Any]:
    names = {f"a{number}": argument for number, argument in enumerate(arguments)}
    source = "def operation():\n" + "".join(f"    call({name})\n" for name in names)
    return function(source, "operation", call=call, **names)


def _found(count: int, *, seen: bool) -> Callable[[], Any]:
    prefixes = locations(count)
    chain = chain_with(prefixes)
    for path in paths(prefixes):
        _check(chain, prefixes, path)
    if not seen:
        find = chain.plan.find
        return _each(lambda path: find(path, "GET", None), paths(prefixes))
    requests = [make_request(path) for path in paths(prefixes)]
    return _each(chain.plan.select, requests)


def _werkzeug(count: int) -> Callable[[], Any]:
    prefixes = locations(count)
    rules = [Rule(prefix + rest, endpoint=prefix) for prefix in prefixes for rest in ("", "/<path:rest>")]
    urls = Map(rules, merge_slashes=False).bind("127.0.0.1")

    def find(path: str) -> Any:
        try:
            return urls.match(path)
        except NotFound:
            return None

    return _each(find, paths(prefixes))


def cases() -> Iterator[Case]:
    """Yield the cases."""
    for count in COUNTS:
        yield Case(f"sections/hookchain/{count}", partial(_found, count, seen=False), per_call=8)
        yield Case(f"sections/werkzeug/{count}", partial(_werkzeug, count), per_call=8)
    yield Case("sections/hookchain-seen/10000", partial(_found, 10000, seen=True), per_call=8)
