"""Record: Django's request as a request of hookchain's, whose user is Django's."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from django.apps import apps
from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.functional import LazyObject, empty
from werkzeug.datastructures import Headers
from werkzeug.wsgi import get_content_length, get_input_stream

from hookchain import Phase, Request
from hookchain.adapting import (
    Function,
    RequestBody,
    Step,
    Threads,
    decode,
    encode,
)

from .answers import translate
from .auth import aremote_user, remote_user, uses_remote_users

if TYPE_CHECKING:
    from contextvars import Context

KEY = "hookchain.request"
"""Where a view finds the record in ``request.META``."""

RAW_PATH = "hookchain.path_info"
"""Where the path is kept as the server gave it, as Django changes what it can't decode."""

_UNASKED = object()

_REPLACED = "\ufffd"


class _AsyncFunction:
    is_async = True
    blocking = False

    def __init__(self, call: Any) -> None:
        self.call = call


class Record(Request):
    """A request in Django; ``native`` is Django's own, and the two have one user.

    Attributes:
        is_async: whether the middleware runs on an event loop.
        threads: where sync handlers run then.
        context: where async ones do.
    """

    is_async: bool = False
    threads: Threads | None = None
    context: Context | None = None

    translate = staticmethod(translate)
    _route: Any = _UNASKED

    # --- the route

    @property
    def endpoint(self) -> Any:
        """The name of the route; looked for when it is asked for, once the path is settled."""
        if self._route is not _UNASKED:
            return self._route
        if not self.is_mapped:
            return None
        self._route = endpoint_of(self.canonical_path, getattr(self.native, "urlconf", None))
        return self._route

    @endpoint.setter
    def endpoint(self, endpoint: Any) -> None:
        self._route = endpoint

    def leads_to(self, native: Any) -> bool:
        """Tell whether Django has come to the path and the route that handlers, if they asked, have been told."""
        route, told = native.resolver_match.view_name, self._route
        if told is _UNASKED:
            self._route = told = route
        is_same: bool = route == told and native.path_info == self.canonical_path
        return is_same

    # --- the user

    @property
    def user(self) -> Any:
        """Who sent the request: what AUTHEN has set, else whom Django knows; None for nobody."""
        if "_user" in self.__dict__:
            return self.__dict__["_user"]
        user = self._djangos_user()
        if user is None or (_is_open(user) and self.phase in {Phase.LOG, Phase.CLEANUP}):
            return None  # to log a request is no reason to ask the database
        return user if user.is_authenticated else None

    @user.setter
    def user(self, user: Any) -> None:
        if user is None and "user" not in self.native.__dict__:
            self.__dict__.pop("_user", None)
            return
        self.__dict__["_user"] = user if getattr(user, "is_authenticated", True) else None
        if self.__dict__["_user"] is None:
            _set_user(self.native, _nobody())
        elif hasattr(user, "is_authenticated"):
            _set_user(self.native, user)

    def _djangos_user(self) -> Any:
        native = self.native.__dict__
        user, ours = native.get("user"), native.get("_hookchain_user")
        if ours is not None and (user is ours or native.get("_cached_user") is ours):
            return None  # another record's AUTHEN has set it
        return user

    # --- to Django

    def shown(self) -> HttpRequest:
        """Return Django's request as the sections saw it: the one path, the user, the body from its first byte on."""
        native: HttpRequest = self.native
        _write(self, native, native.META)
        return native

    @property
    def pending_user(self) -> Step | None:
        """A step that asks Django who the user is, where a name is all that is known or nobody has asked yet."""
        user = self.__dict__.get("_user")
        if isinstance(user, str):
            if not uses_remote_users():
                return None
            return _AsyncFunction(_afind_remote) if self.is_async else Function(_find_remote)
        if user is None and "_user" not in self.__dict__ and _is_open(self._djangos_user()):
            has_twin = self.is_async and hasattr(self.native, "auser")
            return _AsyncFunction(_afind_login) if has_twin else Function(_find_login)
        return None

    def take_user_of(self, other: Request) -> None:
        """Keep the user of another record of the same request, without asking for one."""
        if "_user" in other.__dict__:
            self.__dict__["_user"] = other.__dict__["_user"]
        self.auth_type = other.auth_type


def endpoint_of(path: str, urlconf: Any = None) -> str | None:
    """Return the name of the route of a path; None where there is no route."""
    try:
        return resolve(path, urlconf).view_name
    except Resolver404:
        return None


def _is_open(user: Any) -> bool:
    return isinstance(user, LazyObject) and user.__dict__.get("_wrapped") is empty


def _nobody() -> Any:
    if not apps.is_installed("django.contrib.auth"):
        return None
    from django.contrib.auth.models import AnonymousUser  # noqa: PLC0415 - only where the app is installed

    return AnonymousUser()


def _set_user(native: Any, user: Any) -> None:
    # AuthenticationMiddleware behind the chain finds this, and then does not ask the session.
    native.user = native._cached_user = native._acached_user = native._hookchain_user = user


def _find_remote(record: Record) -> None:
    record.user = remote_user(record.native, record.user)


async def _afind_remote(record: Record) -> None:
    record.user = await aremote_user(record.native, record.user)


def _find_login(record: Record) -> None:
    bool(record.user)


async def _afind_login(record: Record) -> None:
    record.native._cached_user = await record.native.auser()


# --- from Django


def record_of(native: Any) -> Record:
    """Make a record of a request of Django's under ASGI."""
    meta, scope = native.META, native.scope
    root = meta.get("SCRIPT_NAME", "")
    record = Record(
        scope["method"],
        native.scheme,
        server_of(meta),
        root,
        _path_of(scope, root.rstrip("/")),
        _query_of(scope),
        _headers_of(scope),
        meta.get("REMOTE_ADDR"),
        make_body=lambda: body_of(native),
    )
    record.native = native
    record.has_body = meta.get("CONTENT_LENGTH", "0") not in {"", "0"} or "HTTP_TRANSFER_ENCODING" in meta
    _take_scope(record, scope)
    return record


def server_of(meta: Any) -> tuple[str, int | None] | None:
    """Return host and port of the server."""
    name, port = meta.get("SERVER_NAME"), meta.get("SERVER_PORT", "")
    return None if name is None else (name, int(port) if port.isdecimal() else None)


def _path_of(scope: Any, root: str) -> str:
    path, raw = scope["path"], scope.get("raw_path")
    if _REPLACED in path and raw:
        # The server does not tell bytes that are no UTF-8 from the character that stands for them.
        path = decode(unquote_to_bytes(raw))
    return str(path[len(root) :] if path == root or path.startswith(root + "/") else path)


def _query_of(scope: Any) -> bytes:
    query = scope.get("query_string", b"")
    return query if isinstance(query, bytes) else str(query).encode()


def _headers_of(scope: Any) -> Headers:
    decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return Headers([(name, value.replace("\r", " ").replace("\n", " ")) for name, value in decoded])


def _take_scope(record: Record, scope: Any) -> None:
    version = scope.get("http_version", "1.1")
    record.protocol = f"HTTP/{version}"
    raw = scope.get("raw_path")
    if raw is not None:
        query = record.query_string.decode("ascii")
        record.raw_uri = raw.decode("latin-1") + ("?" + query if query else "")
    # From HTTP/2 on, a body needs no header that announces it.
    record.has_body = record.has_body or ("Content-Length" not in record.headers and not version.startswith("1"))


def body_of(native: Any) -> RequestBody:
    """Return the body of a request of Django's, which somebody before the chain may have read."""
    if native._read_started:
        return RequestBody(BytesIO(native.body))
    if hasattr(native, "scope"):
        return RequestBody(native._stream, content_length=get_content_length(native.META))
    return RequestBody(get_input_stream(native.META), content_length=get_content_length(native.META))


# --- to Django


def _write(record: Record, native: Any, meta: Any) -> None:
    _ = record.unparsed_uri  # as it came in
    native.path_info = meta["PATH_INFO"] = record.path
    native.path = record.root_path + record.path
    query = meta["QUERY_STRING"] = record.query_string.decode("ascii")
    native.__dict__.pop("GET", None)
    target = target_of(native.path, query)
    meta.update({key: target for key in ("REQUEST_URI", "RAW_URI") if key in meta}, **record.env)
    meta[KEY] = record
    if hasattr(native, "scope"):
        shown = {"path": native.path, "raw_path": encode(native.path).encode(), "query_string": query.encode()}
        native.scope = {**native.scope, **shown, KEY: record}
    if record.error_status is not None:
        native.method = meta["REQUEST_METHOD"] = record.method
    if record.authen_ran:
        _show_user(record)
    if record.has_body and not native._read_started:
        native._stream = record.body.replay()


def target_of(path: str, query: str) -> str:
    """Return the request target of a path and a query."""
    return f"{encode(path)}?{query}" if query else encode(path)


def _show_user(record: Record) -> None:
    for key, value in (("REMOTE_USER", record.user), ("AUTH_TYPE", record.auth_type)):
        if value is None:
            record.native.META.pop(key, None)
        else:
            record.native.META[key] = str(value)
