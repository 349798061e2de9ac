"""kept_inline(): where Python keeps what every request gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T", bound=type)

_OF_EVERY_REQUEST = (
    "started", "method", "status", "framework", "trace", "content_type_out", "content_encoding_out",
    "is_altered", "is_touched", "has_body", "canonical_path", "is_plain", "app", "place", "chain", "selection", "phase",
    "authen_ran", "guard_passed", "decided_by", "bytes_sent", "finished_at",
)  # fmt: skip


def kept_inline(*names: str) -> Callable[[T], T]:
    """Let requests of a class keep what each of them gets where Python finds it soonest.

    CPython keeps the attributes of an object in the object itself, for the first 30 names that objects of its class got
    in this process. One that gets another has a dictionary made, and each look at it takes longer. So that rare
    attributes of the first requests do not take the places of those that every request has, these are given out here.

    Args:
        names: the attributes that requests of this class have, beside those that all have.

    Returns:
        A decorator of the class.
    """

    def lay_out(kind: T) -> T:
        new: Any = object.__new__
        first: Any = new(kind)
        for name in (*_OF_EVERY_REQUEST, *names):
            setattr(first, name, None)
        return kind

    return lay_out
