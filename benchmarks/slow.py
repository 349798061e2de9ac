"""Many slow clients at once, and one that is in a hurry, under uvicorn: is each answered, and what does it cost?"""

from __future__ import annotations

import asyncio
import http.client
import random
import socket
import statistics
import subprocess
import sys
import time

from .served import CHUNK, CHUNKS
from .servers import Server, check_installed, check_system, serving
from .work import HELLO

SUBJECTS = ("hookchain", "bare")
_PIECES = 20
_PIECE = b"x" * 1024
_WINDOW = 16_384  # what either side's system keeps of a response
_BETWEEN = 0.02


def crowds(rounds: int, clients: int) -> dict[str, list[float]]:
    """Let slow clients come to an app with a chain and to the same without, each time to a server of its own.

    Args:
        rounds: how many times.
        clients: how many at once; one half reads slowly, the other writes slowly.

    Returns:
        Samples by figure: KiB of memory for a connection, and milliseconds that a quick request takes meanwhile.

    Raises:
        LeftOutError: uvicorn or /proc is not there.
        RuntimeError: somebody was not answered, or wrongly.
    """
    check_installed("uvicorn")
    check_system()
    samples: dict[str, list[float]] = {}
    order = list(SUBJECTS)
    for number in range(rounds):
        random.Random(number).shuffle(order)
        for subject in order:
            with serving("uvicorn", f"asgi_{subject}", send_buffer=_WINDOW) as server:
                for figure, value in _crowd(server, clients).items():
                    samples.setdefault(f"slow/{subject}/{figure}", []).append(value)
    return samples


def _crowd(server: Server, clients: int) -> dict[str, float]:
    for _ in range(200):
        _quick(server)
    before = most = server.resident()
    program = f"from benchmarks.slow import come; come({server.port}, {clients})"
    taken: list[float] = []
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as crowd:
        if crowd.stdout is not None:
            crowd.stdout.readline()  # all are connected
        while crowd.poll() is None or not taken:
            taken.append(_quick(server))
            most = max(most, server.resident())
            time.sleep(_BETWEEN)
        if crowd.returncode:
            raise RuntimeError(f"slow clients were not answered by {server.url}")
    return {
        "memory": (most - before) / clients,
        "p50": statistics.median(taken),
        "p99": statistics.quantiles(taken * 2, n=100, method="inclusive")[-1],
    }


def _quick(server: Server) -> float:
    """Return how many milliseconds a request takes, with its connection."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/")
    body = connection.getresponse().read()
    taken = (time.perf_counter() - started) * 1000
    connection.close()
    if body != HELLO:
        raise RuntimeError(f"{server.url} answered {body!r}")
    return taken


def come(port: int, clients: int) -> None:
    """Be so many slow clients, for a process of its own; it fails where one was not answered completely."""
    asyncio.run(_come(port, clients))


async def _come(port: int, clients: int) -> None:
    connected = [await _connect(port) for _ in range(clients)]
    print("all are connected", flush=True)
    kinds = (_read_slowly, _write_slowly)
    try:
        await asyncio.gather(*(kinds[number % 2](*streams) for number, streams in enumerate(connected)))
    finally:
        for _, writer in connected:
            writer.close()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
    sock.setblocking(False)  # noqa: FBT003 - the socket's own method
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return await asyncio.open_connection(sock=sock, limit=_WINDOW)


async def _read_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _pause()
    writer.write(b"GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await _head(reader)
    left = len(CHUNK) * CHUNKS
    while left:
        await _pause()
        left -= len(await reader.readexactly(min(left, len(CHUNK) * CHUNKS // _PIECES)))
    await _end(reader)


async def _write_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length = len(_PIECE) * _PIECES
    head = f"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    for _ in range(_PIECES):
        await _pause()
        writer.write(_PIECE)
        await writer.drain()
    await _head(reader)
    if await reader.read(100) != str(length).encode():
        raise RuntimeError("a body did not arrive as a whole")
    await _end(reader)


async def _pause() -> None:
    await asyncio.sleep(random.uniform(0.05, 0.2))


async def _head(reader: asyncio.StreamReader) -> None:
    if not (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200"):
        raise RuntimeError("another answer was expected")


async def _end(reader: asyncio.StreamReader) -> None:
    if await reader.read():
        raise RuntimeError("more came than was announced")
