"""Language: a set of texts, such as the paths of a route, of which one can ask what may come after a character.

Source: J. A. Brzozowski, "Derivatives of Regular Expressions" (1964).
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator


class Language(abc.ABC):
    """A set of texts. Languages are immutable, and equal ones mostly compare equal."""

    __slots__ = ()

    @property
    @abc.abstractmethod
    def has_end(self) -> bool:
        """Whether the empty text belongs to it."""

    @abc.abstractmethod
    def after(self, sign: str) -> Language:
        """Return what may follow where a text has begun with this character."""

    @abc.abstractmethod
    def signs(self) -> Iterator[Signs]:
        """Yield the sets of characters that it is made of."""


@dataclasses.dataclass(frozen=True, slots=True)
class Signs(Language):
    """The texts of one character out of a set.

    Attributes:
        ranges: the first and the last code point of each range.
        kinds: names of kinds of characters: "DIGIT", "SPACE", "WORD", with "NOT_" in front for all others.
        is_negated: whether all other characters are meant.
        is_ascii: whether kinds know ASCII only.
        without: characters that are left out in any case.
    """

    ranges: frozenset[tuple[int, int]] = frozenset()
    kinds: frozenset[str] = frozenset()
    is_negated: bool = False
    is_ascii: bool = False
    without: str = ""

    @property
    def has_end(self) -> bool:
        """Never."""
        return False

    def holds(self, sign: str) -> bool:
        """Tell whether a character belongs to the set."""
        code = ord(sign)
        found = any(first <= code <= last for first, last in self.ranges) or any(
            _is_of_kind(sign, kind, is_ascii=self.is_ascii) for kind in self.kinds
        )
        return found is not self.is_negated and sign not in self.without

    def after(self, sign: str) -> Language:
        """Return the end, or nothing."""
        return END if self.holds(sign) else NOTHING

    def signs(self) -> Iterator[Signs]:
        """Yield itself."""
        yield self


def _is_of_kind(sign: str, kind: str, *, is_ascii: bool) -> bool:
    name = kind.removeprefix("NOT_")
    known = not is_ascii or sign.isascii()
    if name == "DIGIT":
        found = known and sign.isdecimal()
    elif name == "SPACE":
        found = known and sign.isspace()
    else:
        found = known and (sign.isalnum() or sign == "_")
    return found is not kind.startswith("NOT_")


@dataclasses.dataclass(frozen=True, slots=True)
class Text(Language):
    """One text alone."""

    text: str

    @property
    def has_end(self) -> bool:
        """Whether it is the empty one."""
        return not self.text

    def after(self, sign: str) -> Language:
        """Return the rest."""
        return Text(self.text[1:]) if self.text[:1] == sign else NOTHING

    def signs(self) -> Iterator[Signs]:
        """Yield each character."""
        return (Signs(frozenset({(ord(sign), ord(sign))})) for sign in self.text)


@dataclasses.dataclass(frozen=True, slots=True)
class Union(Language):
    """The texts of several languages; of none, where there are no texts at all."""

    parts: frozenset[Language]

    @property
    def has_end(self) -> bool:
        """Whether one of them has it."""
        return any(part.has_end for part in self.parts)

    def after(self, sign: str) -> Language:
        """Return what may follow in any of them."""
        return union(part.after(sign) for part in self.parts)

    def signs(self) -> Iterator[Signs]:
        """Yield those of all parts."""
        for part in self.parts:
            yield from part.signs()


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence(Language):
    """A text of one language, followed by one of another."""

    first: Language
    rest: Language

    @property
    def has_end(self) -> bool:
        """Whether both have it."""
        return self.first.has_end and self.rest.has_end

    def after(self, sign: str) -> Language:
        """Return what may follow in the first, and where that may be empty in the second."""
        here = sequence(self.first.after(sign), self.rest)
        return union((here, self.rest.after(sign))) if self.first.has_end else here

    def signs(self) -> Iterator[Signs]:
        """Yield those of both."""
        yield from self.first.signs()
        yield from self.rest.signs()


@dataclasses.dataclass(frozen=True, slots=True)
class Repeated(Language):
    """Any number of texts of a language, one after the other, none included."""

    part: Language

    @property
    def has_end(self) -> bool:
        """Always."""
        return True

    def after(self, sign: str) -> Language:
        """Return the rest of one text, and any number of others."""
        return sequence(self.part.after(sign), self)

    def signs(self) -> Iterator[Signs]:
        """Yield those of the language."""
        return self.part.signs()


NOTHING: Language = Union(frozenset())
"""No text at all."""

END: Language = Text("")
"""The empty text alone."""

ANY_SIGN = Signs(is_negated=True)

ANYTHING: Language = Repeated(ANY_SIGN)
"""Every text."""


def union(parts: Iterable[Language]) -> Language:
    """Return the language of all texts that are in any of some languages."""
    found: set[Language] = set()
    for part in parts:
        found |= part.parts if isinstance(part, Union) else {part}
    if ANYTHING in found:
        return ANYTHING
    return next(iter(found)) if len(found) == 1 else Union(frozenset(found))


def sequence(*parts: Language) -> Language:
    """Return the language of a text of each, one after the other."""
    return functools.reduce(_followed, reversed(parts), END)


def _followed(rest: Language, first: Language) -> Language:
    if NOTHING in (first, rest):
        return NOTHING
    if first == END:
        return rest
    if rest == END:
        return first
    if isinstance(first, Sequence):  # one form for each, so that equal ones are found to be equal
        return Sequence(first.first, _followed(rest, first.rest))
    if isinstance(first, Text) and isinstance(rest, Text):
        return Text(first.text + rest.text)
    return Sequence(first, rest)


def repeated(part: Language, least: int, most: int | None) -> Language:
    """Return the language of several texts of one, one after the other.

    Args:
        part: the language.
        least: how many at least.
        most: how many at most; None for any number.

    Returns:
        The language.
    """
    if most is None:
        return sequence(*[part] * least, Repeated(part))
    rest = END
    for _ in range(most - least):
        rest = union((END, sequence(part, rest)))
    return sequence(*[part] * least, rest)


def below(prefix: str) -> Language:
    """Return the paths that a prefix covers by whole segments."""
    if prefix == "/":
        return ANYTHING
    return sequence(Text(prefix), union((END, sequence(Text("/"), ANYTHING))))


# --- characters that stand for all others

_LAST = 0x10FFFF
_FIRST_BEYOND_ASCII = 128
_SURROGATES = range(0xD800, 0xE000)
_KINDS = 4


def representatives(languages: Iterable[Language]) -> tuple[str, ...]:
    """Return characters that stand for all: to each other one, one of these is the same for all the languages.

    Args:
        languages: what is to be told apart.

    Returns:
        Characters that a path can hold, those that are well read first.
    """
    cuts = {1, _FIRST_BEYOND_ASCII, _LAST + 1}
    for signs in {signs for language in languages for signs in language.signs()}:
        cuts |= {code for first, last in signs.ranges for code in (first, last + 1)}
        cuts |= {code for sign in signs.without for code in (ord(sign), ord(sign) + 1)}
    ordered = sorted(cut for cut in cuts if cut)
    found = {sign for first, end in itertools.pairwise(ordered) for sign in _one_of_each_kind(first, end)}
    return tuple(sorted({*found, "x", "0"}, key=_readability))


@functools.lru_cache(maxsize=4096)
def _one_of_each_kind(first: int, end: int) -> tuple[str, ...]:
    found: dict[tuple[bool, bool, bool], str] = {}
    codes: Iterable[int] = range(first, end)
    if end <= _FIRST_BEYOND_ASCII:
        codes = sorted(codes, key=lambda code: _readability(chr(code)))
    for code in codes:
        if code not in _SURROGATES:
            sign = chr(code)
            found.setdefault((sign.isdecimal(), sign.isspace(), sign.isalnum() or sign == "_"), sign)
            if len(found) == _KINDS:
                break
    return tuple(found.values())


def _readability(sign: str) -> tuple[bool, bool, bool, bool, str]:
    return (sign != "x", not sign.isascii(), not sign.isalnum(), not sign.isprintable(), sign)
