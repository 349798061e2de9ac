"""Where a URL path leads below a document root, and the one way in which a file there is opened."""

from __future__ import annotations

import errno
import functools
import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
UNAVAILABLE: Final = 503

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_MAX_LINKS: Final = 40  # as many as the kernel follows
_WELL_KNOWN: Final = "/.well-known"
# A name from a URL must not be taken apart anew by a file system that knows other separators.
_FOREIGN_SEPARATORS: tuple[str, ...] = () if os.sep == "/" else ("\\", ":")
_KNOWS_EFFECTIVE_IDS: Final = os.access in os.supports_effective_ids
_MUST_FOLLOW_LINKS: Final = os.access not in os.supports_follow_symlinks
_SERVED: Final = (stat.S_IFREG, stat.S_IFDIR)
_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a FIFO must not wait for somebody who writes to it
    | getattr(os, "O_BINARY", 0)
)


class Place(NamedTuple):
    """What was found at a path.

    Attributes:
        path: Where it really is, as a URL path below the root; of something missing or refused, its first such part.
        rest: What was asked for behind it (httpd's ``path_info``), starting with ``/`` or empty.
        info: The status of the file or folder; None when nothing is there or it is refused.
        refusal: The status to answer whatever is there; None when nothing speaks against it.
        folder: The status of the folder that it lies in, where the way led through it.
        is_file: Whether a regular file is here, and was asked for with nothing behind its name.
        is_folder: Whether a folder is here.
    """

    path: str
    rest: str = ""
    info: os.stat_result | None = None
    refusal: int | None = None
    folder: os.stat_result | None = None
    is_file: bool = False
    is_folder: bool = False

    @property
    def real(self) -> str:
        """The path that was asked for, but for the symlinks on it."""
        return self.path + self.rest if self.rest else self.path


def is_hidden(path: str) -> bool:
    """Tell whether a path names a dot-file, or something in a dot-folder, other than ``/.well-known``.

    Args:
        path: A path starting with ``/``; one with ``.`` or ``..`` in it counts as hidden.

    Returns:
        Whether it is to be refused.

    Source:
        RFC 8615 for the exception, which holds at the top of the root only.
    """
    if "/." not in path:
        return False
    well_known = path == _WELL_KNOWN or path.startswith(_WELL_KNOWN + "/")
    return not well_known or "/." in path[len(_WELL_KNOWN) :]


def refusal_of(error: OSError | ValueError) -> int | None:
    """Tell whether an error of the file system says more than that nothing is there.

    Args:
        error: What ``os`` raised; a ValueError stands for what cannot be a name, such as text with NUL.

    Returns:
        403 when access was refused, 503 when the system ran out of files or memory, else None.
    """
    if isinstance(error, PermissionError):
        return FORBIDDEN
    return UNAVAILABLE if isinstance(error, OSError) and error.errno in _EXHAUSTED else None


class Storage:
    """A document root; it may be a symlink that is pointed elsewhere while the program runs."""

    __slots__ = ("root",)

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Take the folder in which everything must lie.

        Args:
            root: The folder; made absolute now, and not looked at before the first request.
        """
        self.root: Final = str(Path(root).absolute()).rstrip("/")

    def path_of(self, filename: str) -> str | None:
        """Give the path below the root of a file name, or None when the name does not lie there."""
        return filename[len(self.root) :] if filename.startswith(self.root + "/") else None

    def find(self, path: str) -> Place:
        """Walk down a path and see what is there, following the symlinks that stay inside.

        Args:
            path: A canonical URL path: decoded, starting with ``/``. Any other text is refused or finds nothing.

        Returns:
            The place. Every error of the file system is told in it, and none is raised.
        """
        return _without_looking(path, _FOREIGN_SEPARATORS) or self._walk(path)

    def _walk(self, path: str) -> Place:
        """Look at one level after the other: each may have become something else since the last request."""
        folder: Place | None = None
        above: os.stat_result | None = None
        here, links, end = "", 0, 0
        while end + 1 < len(path):  # what is left is more than a slash at the end
            start = end
            end = path.find("/", start + 1)
            if end < 0:
                end = len(path)
            asked = here + path[start:end]
            place = self.look(asked, path[end:], above)
            if place.path != asked:
                links += 1
                if links > _MAX_LINKS:
                    return Place(path)
            if not place.is_folder:
                return place
            folder, above, here = place, place.info, place.path.rstrip("/")
        folder = folder or self.look("")
        return folder._replace(path=(f"{here}/" if path[-1] == "/" else here) or "/", rest="")

    def look(self, path: str, rest: str = "", folder: os.stat_result | None = None) -> Place:
        """See what is at a path whose folder was found before.

        Args:
            path: A path in such a folder, with no ``/`` at its end; empty for the root itself.
            rest: What was asked for behind it.
            folder: The status of that folder, where it was taken for this request.

        Returns:
            The place.
        """
        try:
            info = os.lstat(self.root + (path or "/"))  # with the slash, a root that is a symlink is followed
            kind = stat.S_IFMT(info.st_mode)
            if kind == stat.S_IFLNK:
                path, folder = self._follow(path), None
                info = os.lstat(self.root + (path or "/"))
                kind = stat.S_IFMT(info.st_mode)
        except (OSError, ValueError) as error:
            return Place(path or "/", rest, refusal=refusal_of(error))
        if kind not in _SERVED:
            return Place(path, rest, refusal=FORBIDDEN)
        is_folder = kind == stat.S_IFDIR
        return Place(path or "/", rest, info, None, folder, not (is_folder or rest), is_folder)

    def _follow(self, path: str) -> str:
        """Resolve a symlink by where it leads, judging by whole components."""
        base = os.path.realpath(self.root).rstrip("/")
        real = os.path.realpath(self.root + path, strict=True)
        inside = real[len(base) :]
        if not f"{real}/".startswith(f"{base}/") or is_hidden(inside):
            raise PermissionError(errno.EACCES, "a symlink leads where nothing is served")
        return inside

    def children(self, path: str) -> Iterator[tuple[str, Place]]:
        """List what can be had from a folder: no dot-file, nothing outside or unreadable, and nothing without a URL.

        Args:
            path: The path of a folder that ``find`` gave.

        Yields:
            Name and place.

        Raises:
            OSError: The folder cannot be read. A bad entry in it is left out.
        """
        folder = path.rstrip("/")
        with os.scandir(self.root + path) as entries:
            names = [entry.name for entry in entries]
        for name in names:
            if name.startswith(".") or not _is_unicode(name):
                continue
            place = self.look(f"{folder}/{name}")
            mode = os.R_OK | os.X_OK if place.is_folder else os.R_OK
            if place.info is not None and os.access(self.root + place.path, mode):
                yield name, place

    def folder_status(self, place: Place) -> os.stat_result:
        """Return the status of the folder that a file lies in.

        Args:
            place: The file.

        Raises:
            OSError: It is gone.
        """
        return place.folder or os.lstat(self.root + place.path[: place.path.rindex("/") + 1])

    def has_name(self, path: str) -> bool:
        """Tell whether a name is there, whatever it names; that costs half a look."""
        return os.access(self.root + path, os.F_OK, follow_symlinks=_MUST_FOLLOW_LINKS)

    def is_readable(self, path: str) -> bool:
        """Tell whether the file at the path of a place could be opened.

        Args:
            path: A path that ``find`` or ``look`` gave.
        """
        return os.access(self.root + path, os.R_OK, effective_ids=_KNOWS_EFFECTIVE_IDS)

    def open(self, path: str) -> tuple[io.FileIO, os.stat_result]:
        """Open the regular file at the path of a place, which is not a symlink.

        Args:
            path: A path that ``find`` or ``look`` gave.

        Returns:
            The file, unbuffered, and its status.

        Raises:
            OSError: It cannot be opened, or something other than a regular file stands there now.
        """
        descriptor, info = self.open_descriptor(path)
        return io.FileIO(descriptor, "rb"), info

    def open_descriptor(self, path: str) -> tuple[int, os.stat_result]:
        """Open a file like ``open``, for who reads it at once and closes it.

        Args:
            path: A path that ``find`` or ``look`` gave.

        Returns:
            The descriptor, and its status.

        Raises:
            OSError: As ``open``.
        """
        descriptor = os.open(self.root + path, _OPEN_FLAGS)
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            os.close(descriptor)
            raise PermissionError(errno.EACCES, "not a regular file")
        return descriptor, info


@functools.lru_cache(maxsize=1024)
def _without_looking(path: str, foreign_separators: tuple[str, ...]) -> Place | None:
    """Return what is to be said of a path whatever is there; None where that is nothing."""
    if is_hidden(path) or any(separator in path for separator in foreign_separators):
        return Place(path, refusal=FORBIDDEN)
    if not path.startswith("/") or "//" in path or not _is_unicode(path):
        return Place(path)
    return None


def _is_unicode(path: str) -> bool:
    """Tell whether a path is text; a lone surrogate would name other bytes than those that a client can send."""
    if path.isascii():
        return True
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
