"""The server of README.md's contract in Flask: its two applications as mounted sub-apps, and as routes of the app.

A WSGI server imports ``mounted`` or ``routed`` from here; the variables are those of ``contract_server``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from flask_hookchain import FlaskHookChain
from hookchain import AccessLog
from tests.security.contract_app import admin_app, mount_by_prefix, open_app
from tests.security.contract_server import ACCESS_LOG, HANDED_OVER, LOGS, ROOT, Counted, make_chain

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "QUERY", "SEARCH", "COPY", "MOVE"]


def make_mounted() -> Flask:
    """Wrap the sub-apps into the app, as people do with what is no Flask app."""
    app = Flask("mounted", static_folder=None)
    sub_apps: dict[str, WSGIApplication] = {"/admin": admin_app, "/open": open_app}
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, sub_apps)  # type: ignore[method-assign]
    return app


def make_routed() -> Flask:
    """Give the sub-apps routes; Flask calls what a view returns, if it is a WSGI app."""
    app = Flask("routed", static_folder=None)
    for prefix in ("/admin", "/open"):
        for rule in (prefix, f"{prefix}/", f"{prefix}/<path:rest>"):
            app.add_url_rule(rule, rule, lambda rest="": mount_by_prefix, methods=METHODS)
    return app


def make_application(app: Flask, document_root: str, logs: Path) -> WSGIApplication:
    """Guard an app by the contract's chain."""
    FlaskHookChain(app, make_chain(document_root, AccessLog("combined", to=logs / ACCESS_LOG)))
    return Counted(app, logs / HANDED_OVER)


if ROOT in os.environ:
    mounted = make_application(make_mounted(), os.environ[ROOT], Path(os.environ[LOGS]))
    routed = make_application(make_routed(), os.environ[ROOT], Path(os.environ[LOGS]))
