"""What a dotted name stands for, or why it stands for nothing."""

from __future__ import annotations

import importlib
import pkgutil
import re
import traceback
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from .exceptions import ConfigError, nearest_name

_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*(?::[^\W\d]\w*(?:\.[^\W\d]\w*)*)?")


def import_dotted(name: str, *, file: str | None = None, key: str | None = None) -> object:
    """Import what a name stands for.

    Args:
        name: "package.module:attribute" or "package.module.attribute"; attributes may have dots.
        file: the file that holds the name, for the error.
        key: the key that it stands under, likewise.

    Returns:
        A module, or an attribute of one.

    Raises:
        ConfigError: it is no such name, the module or the attribute is missing, or importing raised an exception.
    """
    if not _DOTTED.fullmatch(name):
        message = f"{name!r} is no dotted name: write 'package.module:name' or 'package.module.name'"
        raise ConfigError(message, file=file, key=key)
    try:
        return _find(name)
    except _NotFoundError as error:
        message = f"{name!r}: {error}"
        raise ConfigError(message, file=file, key=key, nearest=error.nearest) from error.__cause__


class _NotFoundError(Exception):
    def __init__(self, message: str, nearest: str | None = None) -> None:
        super().__init__(message)
        self.nearest = nearest


def _find(name: str) -> object:
    module_name, colon, attributes = name.partition(":")
    parts = module_name.split(".")
    for count in range(len(parts), 0, -1):
        module = _module(".".join(parts[:count]))
        if module is None:
            continue
        if colon and count < len(parts):
            raise _no_module(parts[: count + 1], _submodules(module))
        return _attribute(module, parts[count:] + (attributes.split(".") if colon else []))
    raise _no_module(parts[:1], _module_names(None))


def _module(name: str) -> ModuleType | None:
    """Return a module; None where there is none of this name, as opposed to one that fails."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None
        raise _failed(f"importing {name!r}", error) from error
    except (Exception, SystemExit) as error:
        raise _failed(f"importing {name!r}", error) from error


def _attribute(module: ModuleType, names: Sequence[str]) -> object:
    found: Any = module
    said = f"the module {module.__name__!r}"
    for name in names:
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise _no_attribute(found, said, name) from error
        except Exception as error:
            raise _failed(f"{name!r} of {said}", error) from error
        said = repr(name)
    return found


def _no_attribute(owner: object, said: str, name: str) -> _NotFoundError:
    names = [known for known in dir(owner) if not known.startswith("_")]
    if not isinstance(owner, ModuleType):
        return _NotFoundError(f"{said} has no attribute {name!r}", nearest_name(name, names))
    names += _submodules(owner)
    if getattr(owner.__spec__, "_initializing", False):
        # The module is reading this configuration while it is being imported.
        return _NotFoundError(f"{said} has no attribute {name!r} yet, as it is still being imported")
    return _NotFoundError(f"{said} has no attribute {name!r}", nearest_name(name, names))


def _no_module(parts: Sequence[str], siblings: Iterable[str]) -> _NotFoundError:
    *parents, last = parts
    nearest = nearest_name(last, siblings)
    return _NotFoundError(f"there is no module {'.'.join(parts)!r}", nearest and ".".join([*parents, nearest]))


def _submodules(module: ModuleType) -> list[str]:
    return _module_names(getattr(module, "__path__", ()))


def _module_names(path: Iterable[str] | None) -> list[str]:
    return [info.name for info in pkgutil.iter_modules(path)]


def _failed(what: str, error: BaseException) -> _NotFoundError:
    frames = traceback.extract_tb(error.__traceback__)
    # A syntax error names its place itself; its traceback ends in the importer.
    place = "" if isinstance(error, SyntaxError) else f" at {frames[-1].filename}:{frames[-1].lineno}"
    return _NotFoundError(f"{what} raised {type(error).__name__}{place}: {error}")
