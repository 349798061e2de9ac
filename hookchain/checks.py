"""Everything that can be wrong with a set of declarations, as a list of problems."""

from __future__ import annotations

from .check_order import cycles, unknown_order, unmet_requirements
from .check_scopes import (
    duplicates,
    endpoint_scopes,
    guards_of_public_sections,
    repeated_locations,
    unclear_without,
    unreachable,
)
from .check_settings import (
    closed_to_all,
    files_without_root,
    impossible_directories,
    included_settings,
    missing_directories,
    missing_root,
)
from .exceptions import Problem
from .registry import Registry
from .tree import Tree

PROBLEM_CODES = (
    "order-cycle",
    "requires-order",
    "requires-unmet",
    "duplicate",
    "public-guarded",
    "without-unknown",
    "without-ambiguous",
    "included-setting",
    "document-root-missing",
    "directory-without-root",
    "directory-outside-root",
)
"""What keeps a chain from being compiled; the reference describes each code."""

WARNING_CODES = (
    "unreachable",
    "order-unknown",
    "repeated-location",
    "directory-missing",
    "files-without-root",
    "endpoint-scope",
    "closed-to-all",
)
"""What ``HookChain.advice`` finds."""


def problems_of(tree: Tree, chain: Registry) -> list[Problem]:
    """Return everything that is wrong.

    Args:
        tree: the chain, flattened.
        chain: the chain itself.

    Returns:
        All problems, grouped by kind; empty where nothing is wrong.

    Source: httpd's start-up checks; pluggy, Pyramid and Django's system checks for how they are reported.
    """
    return [
        *cycles(tree),
        *unmet_requirements(tree),
        *duplicates(tree),
        *guards_of_public_sections(tree),
        *unclear_without(tree),
        *included_settings(chain),
        *missing_root(chain),
        *impossible_directories(tree, chain),
    ]


def warnings_of(tree: Tree, chain: Registry) -> list[Problem]:
    """Return what is allowed, but probably not meant.

    Args:
        tree: the chain, flattened.
        chain: the chain itself.

    Returns:
        All warnings, grouped by kind; empty where there is none.
    """
    return [
        *unreachable(tree),
        *unknown_order(tree),
        *repeated_locations(tree),
        *missing_directories(tree, chain),
        *files_without_root(tree, chain),
        *endpoint_scopes(tree),
        *closed_to_all(tree, chain),
    ]
