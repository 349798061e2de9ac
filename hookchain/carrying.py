"""carry(): the values of context variables, from one context to another."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Tokens: TypeAlias = dict[ContextVar[Any], Token[Any]]

_MISSING: Any = object()


def call_as_is(function: Callable[..., T], *args: Any) -> T:
    """Call a function in the context that there is."""
    return function(*args)


def carry(values: Mapping[ContextVar[Any], Any], run: Callable[..., Any], tokens: Tokens) -> None:
    """Set all variables to the values that they have in a context, and reset those that have none there any more.

    Args:
        values: where they are read.
        run: calls a function where they are to be set.
        tokens: what resets the variables that had no value before they were carried.
    """
    for variable, value in values.items():
        if run(variable.get, _MISSING) is not value:
            token = run(variable.set, value)
            if token.old_value is Token.MISSING:
                tokens[variable] = token
    for variable in [variable for variable in tokens if variable not in values]:
        with contextlib.suppress(ValueError):  # a child task of the app's carried it: it was never set here
            run(variable.reset, tokens.pop(variable))
