"""Everything that can be wrong with a set of declarations, as a list of problems."""

from __future__ import annotations

from .exceptions import Problem
from .registry import Registry
from .tree import Tree


def problems_of(tree: Tree, chain: Registry) -> list[Problem]:
    """Return all problems."""
    return []
