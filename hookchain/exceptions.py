"""Every error and warning of hookchain.

::

    HookChainError
    ├─ DeclarationError (ValueError)       one declaration is wrong by itself; raised at its line
    ├─ CompileError                        .problems: all that is wrong together
    ├─ AlreadyCompiledError (RuntimeError) a registration after the first request
    ├─ ConfigError (ValueError)            .file .key .nearest
    ├─ MissingExtraError (ImportError)     .extra: what to install
    └─ HandlerError                        .handler .phase .origin; answered with 500, never shown to the client
       ├─ ResultError (TypeError)          an answer that the phase does not allow
       └─ AsyncHandlerError (RuntimeError) an async handler met by a sync call
    HookChainWarning (UserWarning)
    └─ HookChainDeprecationWarning (DeprecationWarning)

Werkzeug's ``HTTPException`` is an answer, not an error of ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .phases import Phase


class HookChainError(Exception):
    """The base of every error that hookchain raises."""


class DeclarationError(HookChainError, ValueError):
    """One declaration is wrong by itself; raised at the line that makes it."""


class AlreadyCompiledError(HookChainError, RuntimeError):
    """Something was registered after the chain had been compiled."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a chain, found when it is compiled.

    Attributes:
        code: a stable name, such as "order-cycle", listed in the reference.
        message: what is wrong and why, with the places of all declarations involved.
        remedy: one sentence that says what to do.
        places: "file:line" of every declaration involved.
    """

    code: str
    message: str
    remedy: str
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        places = "".join(f"\n    at {place}" for place in self.places)
        return f"[{self.code}] {self.message}{places}\n    -> {self.remedy}"


class CompileError(HookChainError):
    """A chain can't be compiled; ``problems`` lists everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep the problems and make a message of all of them."""
        self.problems: tuple[Problem, ...] = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([f"the chain has {count}:", *map(str, self.problems)]))


class ConfigError(HookChainError, ValueError):
    """A configuration is wrong; raised when it is read.

    Attributes:
        file: path of the file, or None where a mapping was given.
        key: the key in question, with the tables that it stands in, such as "section[2].methods"; None where the
            file could not be read at all.
        nearest: the valid name that looks most like the wrong one, or None.
    """

    def __init__(
        self, message: str, *, file: str | None = None, key: str | None = None, nearest: str | None = None
    ) -> None:
        """Make a message of all parts."""
        self.file = file
        self.key = key
        self.nearest = nearest
        where = ": ".join(part for part in (file, key) if part)
        hint = f" (did you mean {nearest!r}?)" if nearest else ""
        super().__init__(f"{where}: {message}{hint}" if where else f"{message}{hint}")


class MissingExtraError(HookChainError, ImportError):
    """A part of hookchain needs a package that is not installed; ``extra`` names the extra that brings it."""

    def __init__(self, extra: str, package: str) -> None:
        """Say what is missing and how to install it."""
        self.extra = extra
        super().__init__(f"{package} is not installed; install it with: pip install 'hookchain[{extra}]'")


class HandlerError(HookChainError):
    """A handler did something that is not allowed; the client sees 500 and nothing of this.

    Attributes:
        handler: the handler's name.
        phase: the phase in which it was called, or None outside of one.
        origin: "file:line" of the handler.
    """

    def __init__(self, message: str, *, handler: str, phase: Phase | None, origin: str) -> None:
        """Name the handler, its place and phase in front of the message."""
        self.handler = handler
        self.phase = phase
        self.origin = origin
        where = f" in {phase.name}" if phase is not None else ""
        super().__init__(f"{handler} ({origin}){where}: {message}")


class ResultError(HandlerError, TypeError):
    """A handler gave an answer that its phase does not allow."""


class AsyncHandlerError(HandlerError, RuntimeError):
    """A sync call met an async handler."""


class HookChainWarning(UserWarning):
    """Something is probably not meant as it is written."""


class HookChainDeprecationWarning(HookChainWarning, DeprecationWarning):
    """Something will go away in a later version."""


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the one of ``names`` that looks most like ``name``, or None when none comes close."""
    import difflib

    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest of ``names``, or an empty string."""
    nearest = nearest_name(name, names)
    return f" (did you mean {nearest!r}?)" if nearest else ""
