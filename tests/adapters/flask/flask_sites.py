"""Flask apps with a chain in them, as the tests want them."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Flask
from werkzeug.datastructures import Headers

from flask_hookchain import FlaskHookChain
from hookchain import HookChain, Request
from tests.asking import quiet


@dataclasses.dataclass
class Site:
    """An app, its chain, and the records of the requests that were finished."""

    app: Flask
    hooks: HookChain
    finished: list[Request]

    def get(self, path: str = "/", method: str = "GET", **options: Any) -> Answer:
        """Send a request, and read the response to its end."""
        with self.app.test_client().open(path, method=method, **options) as response:
            body = response.get_data(as_text=True)
        return Answer(response.status_code, response.headers, body, self.finished[-1] if self.finished else None)


@dataclasses.dataclass
class Answer:
    """What the client gets, and the record as LOG saw it."""

    status: int
    headers: Headers
    text: str
    req: Any


def bare_app(name: str = "site") -> Flask:
    """Return an app that answers as deployed ones do, unless a test says otherwise."""
    app = Flask(name)
    app.secret_key = "not a secret"  # noqa: S105 - the tests' own

    @app.get("/")
    def index() -> str:
        return "index"

    return app


def make_site(app: Flask | None = None, hooks: HookChain | None = None) -> Site:
    """Put a chain into an app."""
    site = Site(app or bare_app(), hooks or quiet(), [])
    site.hooks.register("log", site.finished.append, name="finished")
    FlaskHookChain(site.app, site.hooks)
    return site
