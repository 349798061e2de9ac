"""What can be wrong with the settings of a chain, of those that it includes, and with what depends on them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from .check_order import origins
from .exceptions import Problem, did_you_mean
from .phases import Phase
from .registry import Included, Registry
from .settings import SETTING_NAMES, Settings, usual_access_log
from .tree import Node, Tree

_LET_PASS = frozenset({Phase.AUTHEN, Phase.AUTHZ})
_MAY_SET_FILENAME = (Phase.POST_READ_REQUEST, Phase.TRANS, Phase.MAP_TO_STORAGE)


def settings_of(registry: Registry) -> Settings:
    """Return the settings of a chain."""
    settings = getattr(registry, "settings", None)
    return settings if isinstance(settings, Settings) else Settings()


def included_settings(chain: Registry) -> Iterator[Problem]:
    """Find included chains with settings that only the outermost chain can have."""
    seen: set[Registry] = set()
    for registry in chain.walk():
        for item in registry.items:
            if isinstance(item, Included) and item.registry not in seen:
                seen.add(item.registry)
                yield from _included_settings(item)


def _included_settings(included: Included) -> Iterator[Problem]:
    given = _own_settings(settings_of(included.registry))
    if given:
        yield Problem(
            "included-setting",
            f"the included chain {included.registry.label!r} sets {', '.join(given)}, which has no effect there",
            "Set it on the outermost chain; an included chain may set 'closed' alone.",
            tuple(dict.fromkeys((included.registry.origin, included.origin))),
        )


def _own_settings(settings: Settings) -> list[str]:
    usual = Settings(closed=settings.closed, access_log=usual_access_log())
    # No access log of its own is what an included chain has anyway.
    given = dataclasses.replace(settings, access_log=settings.access_log or usual.access_log)
    return [name for name in SETTING_NAMES if getattr(given, name) != getattr(usual, name)]


def missing_root(chain: Registry) -> Iterator[Problem]:
    """Find a document root that is no folder."""
    root = settings_of(chain).document_root
    if root is not None and not os.path.isdir(root):  # noqa: PTH112 - a str is what the settings hold
        what = "is no folder" if os.path.lexists(root) else "does not exist"
        yield Problem(
            "document-root-missing",
            f"document_root {root!r} {what}{_folder_hint(Path(root))}",
            "Make the folder, or give the path of one.",
            (chain.origin,),
        )


def _folder_hint(path: Path) -> str:
    try:
        folders = [sibling.name for sibling in path.parent.iterdir() if sibling.is_dir()]
    except OSError:
        return ""
    return did_you_mean(path.name, folders)


def impossible_directories(tree: Tree, chain: Registry) -> Iterator[Problem]:
    """Find ``directory`` scopes in which no file can be."""
    root = settings_of(chain).document_root
    for node in tree.nodes:
        directory = node.scope.directory
        if directory is None:
            continue
        if root is not None:
            yield from _outside_root(node, directory, root)
        elif not _may_have_files(tree):
            yield _without_root("directory-without-root", node, f"directory={directory!r}")


def _outside_root(node: Node, directory: str, root: str) -> Iterator[Problem]:
    said = None
    if {".", ".."} & set(directory.split("/")):
        said = "holds '.' or '..', so that no file can be there"
    elif directory == root or directory.startswith(f"{root.rstrip('/')}/"):
        said = f"counts from the document root {root!r}: write {directory[len(root) :].strip('/') or '/'!r}"
    elif os.path.isdir(directory) and directory.startswith("/") and not _is_folder_below(root, directory):  # noqa: PTH112
        said = f"is not below the document root {root!r}"
    if said is not None:
        yield Problem(
            "directory-outside-root",
            f"directory={directory!r} {said}",
            "Give the folder's path below document_root.",
            origins(node),
        )


def _is_folder_below(root: str, directory: str) -> bool:
    return Path(root, directory.strip("/")).is_dir()


def _may_have_files(tree: Tree) -> bool:
    return any(entry.kind in _MAY_SET_FILENAME for entry in tree.entries)


def _without_root(code: str, node: Node, scope: str) -> Problem:
    return Problem(
        code,
        f"{scope} never applies: the chain has no document_root, and no handler that could set req.filename",
        "Give the chain a document_root, or use a location.",
        origins(node),
    )


# --- warnings


def missing_directories(tree: Tree, chain: Registry) -> Iterator[Problem]:
    """Find ``directory`` scopes whose folder is not there."""
    root = settings_of(chain).document_root
    for node in tree.nodes:
        directory = node.scope.directory
        if directory is None or root is None or not Path(root).is_dir():
            continue
        if not _is_folder_below(root, directory) and not any(_outside_root(node, directory, root)):
            yield Problem(
                "directory-missing",
                f"directory={directory!r}: there is no such folder below {root!r}"
                f"{_folder_hint(Path(root, directory.strip('/')))}",
                "Make the folder, or correct the name: what is meant to be guarded there may not be.",
                origins(node),
            )


def files_without_root(tree: Tree, chain: Registry) -> Iterator[Problem]:
    """Find ``files`` scopes in a chain that knows no files."""
    if settings_of(chain).document_root is not None or _may_have_files(tree):
        return
    for node in tree.nodes:
        if node.scope.files is not None:
            yield _without_root("files-without-root", node, f"files={node.scope.files!r}")


def closed_to_all(tree: Tree, chain: Registry) -> Iterator[Problem]:
    """Find out whether a closed chain lets no request pass at all."""
    is_open = any(entry.kind in _LET_PASS for entry in tree.entries) or any(node.options.public for node in tree.nodes)
    if settings_of(chain).closed and not is_open:
        yield Problem(
            "closed-to-all",
            "the chain is closed, and has no AUTHEN or AUTHZ handler and no public section: it refuses every request",
            "Register an AUTHEN or AUTHZ handler, and make with section(..., public=True) what everybody may see.",
            (chain.origin,),
        )
