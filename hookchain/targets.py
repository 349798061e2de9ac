"""From what stands on a command line, ``module:chain`` or a TOML file, to a chain."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import pkgutil
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from .asgi import ASGIChain
from .chain import HookChain
from .exceptions import CompileError, ConfigError, HookChainError, did_you_mean
from .wsgi import WSGIChain

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

T = TypeVar("T")

# Code that is not the user's: what failed in it was called by a line that can be put right.
_FOREIGN = (str(Path(__file__).parent), "<", *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))


class TargetError(HookChainError):
    """There is no chain where one was said to be; the message fits on one line."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What a name on the command line stands for.

    Attributes:
        name: the name as it was given.
        chain: the chain.
        app: the application, where the name stands for one made with ``chain.wsgi(...)`` or ``chain.asgi(...)``.
    """

    name: str
    chain: HookChain
    app: WSGIChain | ASGIChain | None = None

    def wsgi(self) -> WSGIApplication:
        """Return what a server serves.

        Raises:
            TargetError: it is for other servers.
        """
        if isinstance(self.app, ASGIChain):
            raise TargetError(f"{self.name} is an ASGI application; serve it with such a server: uvicorn {self.name}")
        return self.chain.wsgi() if self.app is None else self.app


def find_target(name: str) -> Target:
    """Find a chain, as it is found from the current folder.

    Args:
        name: "module:chain", "module:factory()" or "module:object.attribute"; "module" where it has one chain only; or
            the path of a TOML file.

    Returns:
        The Target.

    Raises:
        TargetError: there is none; its cause is what was raised underneath.
        CompileError: importing the module compiled the chain, and it is wrong.
        ConfigError: the TOML file is wrong.
    """
    found = _find(name)
    if inspect.isfunction(found):
        found = _call(f"{name}()", found)
    if isinstance(found, WSGIChain | ASGIChain):
        return Target(name, found.chain, found)
    if not isinstance(found, HookChain):
        raise TargetError(f"{name} is no HookChain but {_kind_of(found)}; give a chain, or a function that returns one")
    return Target(name, found)


def find_app(name: str) -> object:
    """Find what is to be audited: a chain, or an app of any kind.

    Args:
        name: as for ``find_target``.

    Returns:
        The chain or app; what a function returns that needs no arguments.

    Raises:
        TargetError: see ``find_target``, as for what follows.
        CompileError: likewise.
        ConfigError: likewise.
    """
    found = _find(name)
    return _call(f"{name}()", found) if inspect.isfunction(found) and _needs_no_arguments(found) else found


def _needs_no_arguments(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    return True


def _find(name: str) -> Any:
    folder = os.getcwd()  # noqa: PTH109 - sys.path holds text
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if name.endswith(".toml"):
        chain = HookChain(Path(name).stem)
        chain.origin = name
        _guarded(f"reading {name}", lambda: chain.configure_file(name))
        return chain
    module_name, colon, path = name.partition(":")
    module = _import(module_name, folder)
    return _walk(module, path) if colon else _only_chain(module)


def _import(name: str, folder: str) -> ModuleType:
    if name.endswith(".py") or "/" in name or not name:
        dotted = name.removesuffix(".py").strip("./").replace("/", ".") or "module"
        raise TargetError(f"{name!r} is no name of a module; write {dotted}:chain")
    try:
        return _guarded(f"importing {name}", lambda: importlib.import_module(name))
    except TargetError as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and missing.name and f"{name}.".startswith(f"{missing.name}."):
            here = [module.name for module in pkgutil.iter_modules([folder])]
            raise TargetError(
                f"there is no module {missing.name!r} in {folder} or on Python's path{did_you_mean(missing.name, here)}"
            ) from missing
        raise


def _guarded(what: str, function: Callable[[], T]) -> T:
    """Call what runs users' code; tell on one line where it failed."""
    try:
        return function()
    except (CompileError, ConfigError, TargetError):
        raise
    except HookChainError as error:
        raise TargetError(f"{what} failed at {_place_of(error)}: {_one_line(error)}") from error
    except (Exception, SystemExit) as error:
        raise TargetError(f"{what} failed at {_place_of(error)}: {type(error).__name__}: {_one_line(error)}") from error


def _call(what: str, function: Callable[[], Any]) -> Any:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise TargetError(f"{what} can't be called: {error}; give a function that needs no arguments") from error
    return _guarded(f"calling {what}", function)


def _place_of(error: BaseException) -> str:
    """The last line that was run of the user's own code."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_FOREIGN)]
    frame = (own or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _one_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return " ".join(text.split())


def _walk(module: ModuleType, path: str) -> Any:
    found: Any = module
    seen = module.__name__
    is_call = path.endswith("()")
    for name in path.removesuffix("()").split("."):
        if not hasattr(found, name):
            names = [other for other in dir(found) if not other.startswith("_")]
            raise TargetError(f"{seen} has no {name!r}{did_you_mean(name, names)}")
        found = getattr(found, name)
        seen += f".{name}"
    if not is_call:
        return found
    if not callable(found):
        raise TargetError(f"{seen} is {_kind_of(found)} and can't be called")
    return _call(f"{seen}()", found)


def _only_chain(module: ModuleType) -> HookChain:
    chains = {name: value for name, value in vars(module).items() if isinstance(value, HookChain)}
    if len(chains) == 1:
        return next(iter(chains.values()))
    several = ", ".join(f"{module.__name__}:{name}" for name in chains)
    hint = f"it has several: {several}" if chains else f"write {module.__name__}:chain, or {module.__name__}:factory()"
    raise TargetError(f"which chain of module {module.__name__} is meant? {hint}")


def _kind_of(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
