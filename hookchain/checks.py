"""Everything that can be wrong with a set of declarations, as a list of problems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
from .exceptions import Problem
from .registry import Registry
from .tree import Tree


def problems_of(tree: Tree, chain: Registry) -> list[Problem]:
    """Return all problems."""
    return []
