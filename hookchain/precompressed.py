"""Encoded forms of a file that stand beside it, such as ``app.js.br`` beside ``app.js``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from werkzeug.datastructures import Accept

    from .request import Request
    from .storage import Place, Storage

# The smallest first: it is taken where the client likes several as much.
_CODINGS: Final = {".br": "br", ".zst": "zstd", ".gz": "gzip"}


def find_siblings(req: Request, storage: Storage, path: str) -> dict[str, Place]:
    """Find the encoded forms of a file.

    Args:
        req: The request for the file; a form that is guarded in another way does not count.
        storage: Where the file lies.
        path: The path of the file there.

    Returns:
        Places by content coding, the one to be preferred first.
    """
    found: dict[str, Place] = {}
    for ending in storage.endings(path, _CODINGS):
        asked = path + ending
        sibling = storage.look(asked)
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
