"""What type checkers must refuse: each line that is wrong carries mypy's code of its error. Checked, never run."""

from __future__ import annotations

from hookchain import OK, HookChain, Order, Request, Result
from hookchain.testing import make_request

hooks = HookChain()


@hooks.access  # error: type-var
def without_a_parameter() -> int:
    return 403


@hooks.authen("/a")  # error: type-var
def with_one_too_many(req: Request, other: int) -> Result:
    return OK


hooks.authen("/a", method=["GET"])  # error: call-overload
hooks.authen("/a", order="first")  # error: call-overload
hooks.authen("/a", order=Order.FIRSTLY)  # error: attr-defined
hooks.accses("/a")  # error: attr-defined
hooks.register("access", without_a_parameter)  # error: arg-type
hooks.section("/a", satisfy="some")  # error: arg-type
hooks.section("/a", authentification="optional")  # error: call-arg
HookChain(document_rot="public")  # error: call-arg
HookChain(authorization="most")  # error: arg-type
hooks.explain(b"/a")  # error: arg-type


def look(req: Request) -> int:
    req.uri = b"/"  # error: assignment
    req.duration = 1.0  # error: misc
    req.add_handler("log")  # error: call-arg
    return req.filename  # error: return-value


async def forgotten_await(req: Request) -> bytes:
    return req.aget_data()  # error: return-value


look("/")  # error: arg-type
print(make_request("/").usr)  # error: attr-defined
