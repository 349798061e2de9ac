"""What files hold: pieces of at most a block are read at once, and kept for as long as the file is the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .file_memory import Memory, is_settled, stamp_of
from .ranges import BLOCK_SIZE

if TYPE_CHECKING:
    from .file_headers import FileHeaders, Kind
    from .storage import Storage


class KnownFile:
    """What was found out about a file that could be opened, and still could.

    Attributes:
        pieces: What was read of it, by where it starts and stops.
        said: Its headers, and for what kind of bytes.
    """

    __slots__ = ("pieces", "said")

    def __init__(self) -> None:
        """Know nothing of it but that it could be opened."""
        self.pieces: Final[dict[tuple[int, int], bytes]] = {}
        self.said: tuple[Kind, FileHeaders] | None = None


class Contents:
    """The contents of the files of a document root.

    Attributes:
        known: Returns what is known of a file, given its path and its status now; None where it was not asked for
            since it was changed, or has just been changed.
    """

    __slots__ = ("_known", "_storage", "known")

    def __init__(self, storage: Storage) -> None:
        """Take where the files lie."""
        self._storage: Final = storage
        self._known: Final[Memory[KnownFile]] = Memory()
        self.known: Final = self._known.recall

    def is_readable(self, path: str, info: os.stat_result) -> bool:
        """Tell whether a file of which nothing is known could be opened.

        Args:
            path: A path that the storage gave.
            info: Its status now.
        """
        settled = is_settled(info)
        readable = self._storage.is_readable(path)
        if readable and settled:
            self._known.keep(path, info, KnownFile())
        return readable

    def read(self, path: str, info: os.stat_result, known: KnownFile | None, piece: tuple[int, int]) -> bytes | None:
        """Return a piece of a file.

        Args:
            path: A path that the storage gave.
            info: Its status now.
            known: What is known of the file.
            piece: Where the piece begins and where it ends, in bytes.

        Returns:
            The bytes; None where they are more than a block, or the file became another one meanwhile.

        Raises:
            OSError: It cannot be opened.
        """
        data = None if known is None else known.pieces.get(piece)
        if data is not None or piece[1] - piece[0] > BLOCK_SIZE:
            return data
        return self._read(path, info, known, piece)

    def _read(self, path: str, info: os.stat_result, known: KnownFile | None, piece: tuple[int, int]) -> bytes | None:
        start, stop = piece
        descriptor, opened = self._storage.open_descriptor(path)
        try:
            stamp, settled = stamp_of(opened), is_settled(opened)
            if start:
                os.lseek(descriptor, start, os.SEEK_SET)
            data = os.read(descriptor, stop - start)
        finally:
            os.close(descriptor)
        if len(data) != stop - start or stamp != stamp_of(info):
            return None
        if settled:
            known = known or KnownFile()
            known.pieces[start, stop] = data
            self._known.keep(path, info, known, len(data))
        return data
