"""A Flask app under the policy: ``gunicorn flask_app:app``."""

from __future__ import annotations

from flask import Flask, request

from flask_hookchain import FlaskHookChain
from policy import hooks

app = Flask(__name__)
FlaskHookChain(app, hooks)


@app.get("/")
def home() -> str:
    """Greet everybody."""
    return "welcome\n"


@app.get("/private")
@app.get("/private/board")
def private() -> str:
    """Greet whom the policy has let in."""
    return f"hello {request.remote_user}\n"


@app.route("/internal/stock", methods=["GET", "POST"])
def stock() -> str:
    """Tell what the office may know."""
    return "12 lamps\n"


@app.get("/broken")
def broken() -> str:
    """Fail."""
    raise RuntimeError("this view is broken")
