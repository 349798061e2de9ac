"""One or several: where users may write one value or a collection of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast


def one_or_several(value: object) -> list[object]:
    """Return what was given as one value or as several, as a list; a text is one value.

    Args:
        value: anything; what it holds is checked by the caller.

    Returns:
        The values.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return [value]
    return list(cast("Iterable[object]", value))
