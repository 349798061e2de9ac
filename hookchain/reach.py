"""Reach: which places of a chain the paths of a route can lie in, each combination with an example."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence

from .languages import ANYTHING, NOTHING, Language, Text, representatives
from .paths import BadPathError, normalise

# So many states are gone through for a route. What would need more is not decided.
_MOST_STATES = 4_000

# What has been read of the last segment, as far as it matters to whether the path is canonical.
_NOT_BEGUN, _EMPTY, _DOT, _DOTS, _BEGUN = range(5)

# What may follow of the paths, and of each place in which it is not decided yet whether they lie, with what is decided.
_State = tuple[int, int, frozenset[int], tuple[tuple[int, int], ...]]

_NEVER, _ALWAYS = 0, 1


@dataclasses.dataclass(frozen=True, slots=True)
class Reach:
    """What was found.

    Attributes:
        examples: for each combination of places that a path can lie in, one such path, short ones first.
        is_complete: whether these are all combinations.
    """

    examples: tuple[str, ...]
    is_complete: bool


def reach(paths: Language, places: Sequence[Language]) -> Reach:
    """Find the combinations of places that the paths of a language can lie in.

    Args:
        paths: such as those of a route.
        places: such as those that sections cover.

    Returns:
        The Reach. Paths are canonical, as all that sections and apps ever see.
    """
    if isinstance(paths, Text):  # most routes are one path
        return Reach((paths.text,) if _is_canonical(paths.text) else (), is_complete=True)
    return _Search(paths, places).result()


def _is_canonical(path: str) -> bool:
    try:
        return normalise(path) == path
    except BadPathError:
        return False


class _Search:
    """A search through what may come next, shortest first. Languages have numbers, so that states are compared fast."""

    def __init__(self, paths: Language, places: Sequence[Language]) -> None:
        self._signs = representatives((paths, *places))
        self._languages: list[Language] = [NOTHING, ANYTHING]
        self._numbers: dict[Language, int] = {NOTHING: _NEVER, ANYTHING: _ALWAYS}
        self._known: dict[tuple[int, str], int] = {}
        self._start = self._state(_NOT_BEGUN, self._number(paths), frozenset(), enumerate(map(self._number, places)))

    def result(self) -> Reach:
        seen = {self._start}
        waiting = deque([("", self._start)])
        found: dict[frozenset[int], str] = {}
        while waiting:
            text, state = waiting.popleft()
            if state[0] in {_EMPTY, _BEGUN} and self._languages[state[1]].has_end:
                found.setdefault(self._places_of(state), text)
            for sign, following in self._following(state):
                if following not in seen:
                    if len(seen) >= _MOST_STATES:
                        return Reach(tuple(found.values()), is_complete=False)
                    seen.add(following)
                    waiting.append((text + sign, following))
        return Reach(tuple(found.values()), is_complete=True)

    def _number(self, language: Language) -> int:
        number = self._numbers.setdefault(language, len(self._languages))
        if number == len(self._languages):
            self._languages.append(language)
        return number

    def _after(self, number: int, sign: str) -> int:
        found = self._known.get((number, sign))
        if found is None:
            found = self._known[number, sign] = self._number(self._languages[number].after(sign))
        return found

    def _following(self, state: _State) -> Iterator[tuple[str, _State]]:
        segment, rest, certain, open_places = state
        for sign in self._signs if segment != _NOT_BEGUN else "/":
            begun = _segment_after(segment, sign)
            left = _NEVER if begun is None else self._after(rest, sign)
            if begun is not None and left != _NEVER:
                places = ((place, self._after(number, sign)) for place, number in open_places)
                yield sign, self._state(begun, left, certain, places)

    def _state(self, segment: int, rest: int, certain: frozenset[int], places: Iterator[tuple[int, int]]) -> _State:
        left = [(place, number) for place, number in places if number != _NEVER]
        reached = frozenset(place for place, number in left if number == _ALWAYS)
        return segment, rest, certain | reached, tuple(item for item in left if item[1] != _ALWAYS)

    def _places_of(self, state: _State) -> frozenset[int]:
        return state[2] | {place for place, number in state[3] if self._languages[number].has_end}


def _segment_after(segment: int, sign: str) -> int | None:
    """Go on in a segment; None where the path would not be canonical."""
    if sign == "/":
        return _EMPTY if segment in {_NOT_BEGUN, _BEGUN} else None
    if sign == "." and segment in {_EMPTY, _DOT}:
        return segment + 1
    return _BEGUN
