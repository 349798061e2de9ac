"""The contract under WSGI: the chain alone, and around an app."""

from __future__ import annotations

from hookchain.testing.contract import Contract, WSGIPlace, wsgi_app


class Alone(WSGIPlace):
    name = "WSGI, alone"
    has_app = False

    def application(self, chain):
        return chain.wsgi()


class AroundAnApp(WSGIPlace):
    name = "WSGI, around an app"

    def application(self, chain):
        return chain.wsgi(wsgi_app)


class TestAlone(Contract):
    place = Alone()


class TestAroundAnApp(Contract):
    place = AroundAnApp()
