"""Declaration: which handler for which phase and scope, in what order; and the options of a section."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from .exceptions import DeclarationError, did_you_mean
from .handlers import Handler, HandlerFunction, caller_origin
from .order import Order
from .phases import Phase
from .scopes import Scope
from .several import one_or_several

Reference: TypeAlias = str | HandlerFunction
References: TypeAlias = Reference | Collection[Reference]


class Filter(enum.Enum):
    """The two kinds of filters, which are declared like handlers."""

    INPUT = "input_filter"
    OUTPUT = "output_filter"

    # See Phase.__hash__.
    __hash__ = object.__hash__


Kind: TypeAlias = Phase | Filter


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """One registration.

    Attributes:
        kind: the phase, or the kind of filter.
        handler: what is called.
        scope: what the registration itself is limited to.
        order: the rank inside the phase.
        before: names or functions of the same phase that must come later.
        after: names or functions of the same phase that must come earlier.
        requires: names or functions that must be present and run before.
        is_init: a PythonInitHandler, whose phase depends on where it stands.
        allow_duplicate: whether the same function may stand here twice.
    """

    kind: Kind
    handler: Handler
    scope: Scope
    order: Order = Order.MIDDLE
    before: tuple[Reference, ...] = ()
    after: tuple[Reference, ...] = ()
    requires: tuple[Reference, ...] = ()
    is_init: bool = False
    allow_duplicate: bool = False

    def __str__(self) -> str:
        """Name the handler and its place."""
        return f"{self.handler.name} ({self.handler.origin})"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class ErrorDocument:
    """What replaces the plain page of some statuses.

    Attributes:
        statuses: the statuses that it covers.
        target: a URI (starting with "/"), a text, or a handler that answers like CONTENT.
        origin: "file:line" of the declaration.
    """

    statuses: frozenset[int]
    target: str | Handler
    origin: str


ERROR_STATUSES = frozenset(range(400, 600))


class SectionOptions(NamedTuple):
    """The options of a chain or section; None where it gives none, so that the next outer one decides."""

    authentication: Literal["required", "optional"] | None = None
    authorization: Literal["any", "all"] | None = None
    satisfy: Literal["all", "any"] | None = None
    challenge: tuple[str, ...] | None = None
    public: bool = False
    without: tuple[Reference, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def guards(self) -> bool:
        """Whether it has a say in how requests are guarded."""
        given = (self.authentication, self.authorization, self.satisfy, self.challenge)
        return self.public or any(option is not None for option in given)


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "authentication": ("required", "optional"),
    "authorization": ("any", "all"),
    "satisfy": ("all", "any"),
}

OPTION_NAMES: tuple[str, ...] = SectionOptions._fields


def make_options(given: Mapping[str, Any]) -> SectionOptions:
    """Check the options of a chain or section.

    Args:
        given: keyword arguments, of ``OPTION_NAMES`` alone; None counts as not given.

    Returns:
        The options.

    Raises:
        DeclarationError: a value is none that the option takes.
    """
    values = {name: value for name, value in given.items() if value is not None}
    for name, choices in _CHOICES.items():
        value = values.get(name)
        if value is not None and value not in choices:
            hint = did_you_mean(str(value), choices)
            raise DeclarationError(f"{name}={value!r}: it is {' or '.join(map(repr, choices))}{hint}")
    if not isinstance(values.get("public", False), bool):
        raise DeclarationError(f"public={values['public']!r}: it is True or False")
    if "challenge" in values:
        values["challenge"] = _check_challenge(values["challenge"])
    if "without" in values:
        values["without"] = as_references("without", values["without"])
    if not isinstance(values.get("options", {}), Mapping):
        raise DeclarationError(f"options={values['options']!r}: it is a mapping that handlers read as req.options")
    if "options" in values:
        values["options"] = dict(values["options"])
    return SectionOptions(**values)


def _check_challenge(challenge: object) -> tuple[str, ...]:
    values = one_or_several(challenge)
    if not values:
        raise DeclarationError(f"challenge={challenge!r}: write challenge='Basic realm=\"ops\"', or several in a list")
    for value in values:
        if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value.strip():
            raise DeclarationError(f"challenge={value!r} can't be sent in a header; write 'Basic realm=\"ops\"'")
    return tuple(map(str, values))


def as_references(name: str, value: References) -> tuple[Reference, ...]:
    """Return handlers or names, given as one or several, as a tuple.

    Raises:
        DeclarationError: one is neither a name nor callable.
    """
    references: list[Reference] = []
    for reference in [value] if callable(value) else one_or_several(value):
        if not isinstance(reference, str) and not callable(reference):
            raise DeclarationError(f"{name}={value!r}: give handlers or their names, one or several")
        references.append(reference)
    return tuple(references)


def as_order(value: object) -> Order:
    """Return the rank that was given as a member, or as its name in configuration.

    Raises:
        DeclarationError: there is no such rank.
    """
    if isinstance(value, Order):
        return value
    if isinstance(value, str) and value.upper() in Order.__members__:
        return Order[value.upper()]
    names = tuple(f"Order.{name}" for name in Order.__members__)
    raise DeclarationError(f"order={value!r}: it is one of {', '.join(names)}{did_you_mean(f'Order.{value}', names)}")


def refers_to(reference: Reference, handler: Handler) -> bool:
    """Tell whether a name or function stands for this handler."""
    if isinstance(reference, str):
        return handler.name == reference
    return handler.function == reference


def reference_name(reference: Reference) -> str:
    """Return how a reference is called in messages."""
    if isinstance(reference, str):
        return repr(reference)
    return str(getattr(reference, "__qualname__", None) or repr(reference))


def make_error_document(statuses: Collection[Any], target: Any) -> ErrorDocument:
    """Check an error document.

    Args:
        statuses: statuses from 400 to 599; none for all of them.
        target: a URI, a text or a handler.

    Returns:
        The error document.

    Raises:
        DeclarationError: a status is none that an error document can replace.
    """
    for status in statuses:
        if isinstance(status, bool) or not isinstance(status, int) or status not in ERROR_STATUSES:
            raise DeclarationError(f"error_document({status!r}): error documents are for statuses from 400 to 599")
    if not isinstance(target, str | Handler):
        raise DeclarationError(
            f"error_document target {target!r}: give a URI that starts with '/', a text or a handler"
        )
    origin = target.origin if isinstance(target, Handler) else caller_origin()
    return ErrorDocument(frozenset(map(int, statuses)) or ERROR_STATUSES, target, origin)
