"""Encoded forms of a file that stand beside it, such as ``app.js.br`` beside ``app.js``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .file_memory import Memory, is_settled

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from werkzeug.datastructures import Accept

    from .request import Request
    from .storage import Place, Storage

# The smallest first: it is taken where the client likes several as much.
_CODINGS: Final = {".br": "br", ".zst": "zstd", ".gz": "gzip"}


class Siblings:
    """The encoded forms of the files of a document root."""

    __slots__ = ("_endings", "_storage")

    def __init__(self, storage: Storage) -> None:
        """Take where the files lie."""
        self._storage: Final = storage
        self._endings: Final[Memory[tuple[str, ...]]] = Memory()

    def find(self, req: Request, place: Place) -> dict[str, Place]:
        """Find the encoded forms of a file.

        Args:
            req: The request for the file; a form that is guarded in another way does not count.
            place: The file.

        Returns:
            Places by content coding, the one to be preferred first.
        """
        try:
            folder = self._storage.folder_status(place)
        except OSError:
            return {}
        endings = self._endings.recall(place.path, folder)
        if endings is None:
            endings = self._look_for_names(place.path, folder)
        return self._look_at(req, place, endings) if endings else {}

    def _look_for_names(self, path: str, folder: os.stat_result) -> tuple[str, ...]:
        """Tell by which endings there is a name beside that of a file; the folder tells when a name came or went."""
        settled = is_settled(folder)
        endings = tuple(ending for ending in _CODINGS if self._storage.has_name(path + ending))
        if settled:
            self._endings.keep(path, folder, endings)
        return endings

    def _look_at(self, req: Request, place: Place, endings: Iterable[str]) -> dict[str, Place]:
        found: dict[str, Place] = {}
        for ending in endings:
            asked = place.path + ending
            sibling = self._storage.look(asked, "", place.folder)
            if sibling.is_file and all(req.chain.guards_agree(req, name) for name in {asked, sibling.path}):
                found[_CODINGS[ending]] = sibling
        return found


def choose_coding(accept: Accept, siblings: dict[str, Place]) -> str | None:
    """Choose what the client likes best, and an encoded form rather than the file where it does not mind.

    Args:
        accept: What the client takes.
        siblings: What there is, at least one; the one to be preferred first.

    Returns:
        A coding, or None for the file as it is.

    Source:
        RFC 9110, section 12.5.3.
    """
    best = max(siblings, key=accept.quality)
    quality = accept.quality(best)
    return best if quality > 0 and quality >= accept.quality("identity") else None
