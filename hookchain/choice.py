"""Choice: something that depends on conditions, which are asked only where they decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from .request import Request
    from .tree import Node

T = TypeVar("T")


class Choice(Generic[T]):
    """Something that may depend on conditions: what it is when none of them has to be asked, and how to ask.

    A ``Step`` for drivers, as conditions are users' functions.

    Attributes:
        fixed: the value where no condition holds; the value as such where there are none.
        conditional: the nodes whose conditions decide.
        is_empty: whether nothing is called, whatever the conditions say.
    """

    __slots__ = ("_build", "_nodes", "_variants", "conditional", "fixed", "is_empty")

    is_async = False
    blocking = True

    def __init__(
        self,
        nodes: Sequence[Node],
        relevant: Callable[[Node], bool],
        build: Callable[[Sequence[Node]], T],
        *,
        early: bool = False,
    ) -> None:
        """Find out which nodes' conditions matter here; ``early`` leaves out what is known from HEADER_PARSER on."""
        self._nodes = tuple(node for node in nodes if not node.conditions or relevant(node))
        if early:
            self._nodes = tuple(node for node in self._nodes if not node.has_late_conditions)
        self._build = build
        self.conditional = tuple(node for node in self._nodes if node.conditions)
        self._variants: dict[tuple[bool, ...], T] = {}
        self.fixed = self._variant((False,) * len(self.conditional))
        self.is_empty = not self.conditional and not self.fixed

    def _variant(self, holding: tuple[bool, ...]) -> T:
        variant = self._variants.get(holding)
        if variant is None:
            left_out = {node for node, holds in zip(self.conditional, holding, strict=True) if not holds}
            variant = self._build([node for node in self._nodes if node not in left_out])
            self._variants[holding] = variant
        return variant

    def call(self, req: Request) -> T:
        """Ask the conditions; what they raise passes."""
        if not self.conditional:
            return self.fixed
        return self._variant(tuple(all(condition(req) for condition in node.conditions) for node in self.conditional))

    def everything(self) -> T:
        """Return the value where every condition holds."""
        return self._variant((True,) * len(self.conditional))
