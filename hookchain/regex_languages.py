"""From a regular expression to the Language of what it matches, as exactly as can be told."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .languages import ANY_SIGN, ANYTHING, END, Language, Signs, Text, repeated, sequence, union

# Python's own parser, so that there is no second opinion about what an expression means. What it may come to know later
# is taken as "anything".
_parser: Any = importlib.import_module("re._parser")

_KNOWN_FLAGS = re.UNICODE | re.DOTALL | re.ASCII | re.VERBOSE
_STARTS = frozenset({"AT_BEGINNING", "AT_BEGINNING_STRING"})
_ENDS = frozenset({"AT_END", "AT_END_STRING"})

# More repetitions than these count as any number.
_MOST_REPEATED = 64

Item = tuple[Any, Any]


def matched(pattern: str, flags: int = 0, *, without: str = "") -> tuple[Language, bool]:
    """Return the texts that an expression matches from their beginning to their end.

    Args:
        pattern: the expression; a ``$`` at its end is taken as the end alone, without a line feed before it.
        flags: of ``re``.
        without: characters that none of the texts holds at a place where the expression has a set of characters.

    Returns:
        The language, and whether it is exactly that; else it has more texts.
    """
    items, translation = _parsed(pattern, flags, without)
    if items is None:
        return ANYTHING, False
    if items and _is_at(items[0], _STARTS):
        items = items[1:]
    if items and _is_at(items[-1], _ENDS):
        items = items[:-1]
    return translation.all_of(items), translation.is_exact


def searched(pattern: re.Pattern[str], *, to_end: bool = False) -> tuple[Language, bool]:
    """Return the texts in which an expression is found anywhere.

    Args:
        pattern: the expression.
        to_end: whether only those are wanted that end with what it matches.

    Returns:
        The language, and whether it is exactly that; else it has more texts.
    """
    items, translation = _parsed(pattern.pattern, pattern.flags, "")
    return (ANYTHING, False) if items is None else (translation.search(items, to_end=to_end), translation.is_exact)


def _parsed(pattern: str, flags: int, without: str) -> tuple[Sequence[Item] | None, _Translation]:
    parsed = _parser.parse(pattern, flags)
    known = parsed.state.flags
    translation = _Translation(known, without)
    return (None if known & ~_KNOWN_FLAGS else list(parsed)), translation


def _is_at(item: Item, places: frozenset[str]) -> bool:
    return str(item[0]) == "AT" and str(item[1]) in places


class _Translation:
    """The translation of one expression; what it can't say exactly is taken too wide, and noted."""

    def __init__(self, flags: int, without: str) -> None:
        self.is_exact = True
        self._flags = flags
        self._without = without
        self._known: Mapping[str, Callable[[Any], Language]] = {
            "LITERAL": lambda code: Text(chr(code)),
            "NOT_LITERAL": lambda code: self._signs({(code, code)}, is_negated=True),
            "ANY": lambda _: self._any(),
            "IN": self._in,
            "BRANCH": lambda arguments: union(map(self.all_of, arguments[1])),
            "SUBPATTERN": self._group,
            "MAX_REPEAT": self._repeat,
            "MIN_REPEAT": self._repeat,
        }

    def all_of(self, items: Sequence[Item]) -> Language:
        """Return what some items match, one after the other."""
        return sequence(*map(self._item, items))

    def search(self, items: Sequence[Item], *, to_end: bool) -> Language:
        """Return what some items match anywhere, unless they are tied to an end."""
        if items and str(items[-1][0]) == "BRANCH" and all(_is_at(item, _STARTS) for item in items[:-1]):
            return union(self.search([*items[:-1], *branch], to_end=to_end) for branch in items[-1][1][1])
        before, after = ANYTHING, END if to_end else ANYTHING
        if items and _is_at(items[0], _STARTS):
            items, before = items[1:], END
        if items and _is_at(items[-1], frozenset({"AT_END_STRING"})):
            items, after = items[:-1], END
        return sequence(before, self.all_of(items), after)

    def _item(self, item: Item) -> Language:
        name = str(item[0])
        if name in self._known:
            return self._known[name](item[1])
        self.is_exact = False
        # An assertion takes no text, and what it asks for only makes a language smaller.
        return END if name in {"AT", "ASSERT", "ASSERT_NOT"} else ANYTHING

    def _any(self) -> Language:
        return ANY_SIGN if self._flags & re.DOTALL else self._signs({(10, 10)}, is_negated=True)

    def _signs(
        self, ranges: set[tuple[int, int]], kinds: frozenset[str] = frozenset(), *, is_negated: bool = False
    ) -> Signs:
        is_ascii = bool(self._flags & re.ASCII)
        return Signs(frozenset(ranges), kinds, is_negated=is_negated, is_ascii=is_ascii, without=self._without)

    def _in(self, members: Sequence[Item]) -> Language:
        ranges: set[tuple[int, int]] = set()
        kinds: set[str] = set()
        for name, value in members:
            if str(name) == "CATEGORY":
                kinds.add(str(value).removeprefix("CATEGORY_"))
            elif str(name) != "NEGATE":
                ranges.add(value if str(name) == "RANGE" else (value, value))
        is_negated = any(str(name) == "NEGATE" for name, _ in members)
        return self._signs(ranges, frozenset(kinds), is_negated=is_negated)

    def _group(self, arguments: Any) -> Language:
        _, added, removed, items = arguments
        if added or removed:
            self.is_exact = False
            return ANYTHING
        return self.all_of(items)

    def _repeat(self, arguments: Any) -> Language:
        least, most, items = arguments
        part = self.all_of(items)
        if least > _MOST_REPEATED:
            self.is_exact = False
            return repeated(part, _MOST_REPEATED, None)
        if most <= _MOST_REPEATED:
            return repeated(part, least, most)
        self.is_exact = self.is_exact and most is _parser.MAXREPEAT
        return repeated(part, least, None)
