"""A FastAPI app under the policy: ``uvicorn fastapi_app:app``."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from policy import hooks

app = FastAPI(default_response_class=PlainTextResponse)
app.add_middleware(hooks.asgi)


@app.get("/")
async def home() -> str:
    """Greet everybody."""
    return "welcome\n"


@app.get("/private")
@app.get("/private/board")
async def private(request: Request) -> str:
    """Greet whom the policy has let in."""
    return f"hello {request.scope['user']}\n"


@app.api_route("/internal/stock", methods=["GET", "POST"])
async def stock() -> str:
    """Tell what the office may know."""
    return "12 lamps\n"


@app.get("/broken")
async def broken() -> str:
    """Fail."""
    raise RuntimeError("this view is broken")
