"""The contract in Flask."""

from __future__ import annotations

from flask import Flask, Response, request

from flask_hookchain import FlaskHookChain
from hookchain.testing.contract import Contract, WSGIPlace, answer

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]


class InFlask(WSGIPlace):
    name = "Flask"
    endpoint = "page"

    def application(self, chain):
        app = Flask("contract")
        app.add_url_rule("/", "page", page, defaults={"rest": ""}, methods=METHODS, provide_automatic_options=False)
        app.add_url_rule("/<path:rest>", "page", page, methods=METHODS, provide_automatic_options=False)
        FlaskHookChain(app, chain)
        return app


def page(rest):
    query = request.query_string.decode()
    made = answer(request.method, request.path, query, request.remote_user, request.get_data())
    response = Response(made.body, made.status, made.headers)
    if not any(name == "Content-Type" for name, _ in made.headers):
        del response.headers["Content-Type"]
    return response


class TestFlask(Contract):
    place = InFlask()
