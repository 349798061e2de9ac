"""What is remembered of files and folders between requests, for as long as their status says that they are the same.

The status itself is taken anew for each request, so that a change is seen at once: whatever changes a file, its
permissions or the names in a folder also changes the time of its last change, which nobody can set. That time is told
in steps, so that nothing is remembered of what was changed a moment ago, as in git's index.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Final, Generic, TypeAlias, TypeVar

Stamp: TypeAlias = tuple[int, int, int, int, int]
T = TypeVar("T")

_TELLS_CHANGES: Final = os.name == "posix"  # elsewhere st_ctime is when the file was made
_MOST: Final = 8 * 1024 * 1024  # bytes
_ENTRY: Final = 512  # bytes, about: what an entry takes besides what it holds
_NANOSECONDS: Final = 1_000_000_000
_LONGEST_STEP: Final = 2 * _NANOSECONDS  # of the clocks of file systems: FAT's


stamp_of: Callable[[os.stat_result], Stamp] = attrgetter("st_ctime_ns", "st_mtime_ns", "st_size", "st_ino", "st_dev")
"""Returns what of a status is another as soon as the file or folder is."""


def is_settled(info: os.stat_result) -> bool:
    """Tell whether each change from now on will show in the status.

    Args:
        info: The status, from before what is to be remembered is read.
    """
    changed = max(info.st_ctime_ns, info.st_mtime_ns)
    return _TELLS_CHANGES and time.time_ns() - changed > _LONGEST_STEP


class Memory(Generic[T]):
    """Values by path, each for one status; when it is full, it begins anew. Only ever replaced, so without a lock."""

    __slots__ = ("_entries", "_room")

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._entries: dict[str, tuple[Stamp, T]] = {}
        self._room = _MOST

    def recall(self, path: str, info: os.stat_result) -> T | None:
        """Return what is remembered of a path.

        Args:
            path: The path.
            info: Its status now.

        Returns:
            The value; None where nothing is remembered, or of what was there before.
        """
        entry = self._entries.get(path)
        return entry[1] if entry is not None and entry[0] == stamp_of(info) else None

    def keep(self, path: str, info: os.stat_result, value: T, size: int = 0) -> None:
        """Remember a value, or that one that is remembered has grown.

        Args:
            path: The path.
            info: Its status, of which ``is_settled`` was told before the value was read.
            value: The value.
            size: What it takes, or has grown by, in bytes.
        """
        needed = size + len(path) + _ENTRY
        if needed > self._room:
            self._entries, self._room = {}, _MOST
        self._room -= needed
        self._entries[path] = stamp_of(info), value
