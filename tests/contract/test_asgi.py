"""The contract under ASGI: the chain alone, and around an app."""

from __future__ import annotations

from hookchain.testing.contract import ASGIPlace, Contract, asgi_app


class Alone(ASGIPlace):
    name = "ASGI, alone"
    has_app = False

    def application(self, chain):
        return chain.asgi()


class AroundAnApp(ASGIPlace):
    name = "ASGI, around an app"

    def application(self, chain):
        return chain.asgi(asgi_app)


class TestAlone(Contract):
    place = Alone()


class TestAroundAnApp(Contract):
    place = AroundAnApp()
