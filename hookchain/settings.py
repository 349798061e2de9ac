"""Settings: what is said once for a whole chain, as opposed to the options of its sections."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .exceptions import DeclarationError, did_you_mean
from .several import one_or_several

if TYPE_CHECKING:
    from .access_log import AccessLog


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a chain; ``HookChain`` describes them.

    An included chain may give none but ``closed``: the others belong to the server's side of the outermost chain.
    """

    document_root: str | None = None
    closed: bool = False
    debug: bool = False
    access_log: AccessLog | None = None
    max_body: int | None = None
    cleanup_timeout: float = 5.0
    index: tuple[str, ...] = ("index.html",)
    listing: bool = False
    precompressed: bool = True
    trace_method: bool = False


SETTING_NAMES: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(Settings))


def make_settings(given: Mapping[str, Any]) -> Settings:
    """Check the settings of a chain.

    Args:
        given: values as users write them, by name.

    Returns:
        The settings.

    Raises:
        DeclarationError: there is no such setting, or a value is none that it takes.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        check = _CHECKS.get(name)
        if check is None:
            raise DeclarationError(f"there is no setting {name!r}{did_you_mean(name, SETTING_NAMES)}")
        values[name] = check(name, value)
    return Settings(**values)


@functools.cache
def usual_access_log() -> AccessLog:
    """Return what ``access_log=True`` stands for: one for all chains, to be told from what somebody gave."""
    from .access_log import AccessLog

    return AccessLog()


def _folder(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise DeclarationError(f"{name}={value!r}: give the path of a folder")
    return os.path.abspath(os.fspath(value))  # noqa: PTH100 - a str is what the request path works with


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise DeclarationError(f"{name}={value!r}: it is True or False")
    return value


def _size(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise DeclarationError(f"{name}={value!r}: give a number of bytes, or None for no limit")
    return value


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise DeclarationError(f"{name}={value!r}: give a number of seconds above 0")
    return float(value)


def _file_names(name: str, value: Any) -> tuple[str, ...]:
    names: list[str] = []
    for file_name in one_or_several(value):
        if not isinstance(file_name, str) or not file_name or "/" in file_name or file_name.startswith("."):
            raise DeclarationError(f"{name}={value!r}: give names of files such as 'index.html'")
        names.append(file_name)
    return tuple(names)


def _access_log(name: str, value: Any) -> AccessLog | None:
    del name
    from .access_log import AccessLog

    return usual_access_log() if value is True else AccessLog.from_option(value)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "document_root": _folder,
    "closed": _flag,
    "debug": _flag,
    "access_log": _access_log,
    "max_body": _size,
    "cleanup_timeout": _seconds,
    "index": _file_names,
    "listing": _flag,
    "precompressed": _flag,
    "trace_method": _flag,
}
