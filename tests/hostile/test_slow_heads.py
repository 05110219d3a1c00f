"""Slowloris: heads that drip in are cut off, the first of a connection and the later ones, and whoever behaves is served."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from quart import Quart

from ops.processes.serving import listen, port_of, serve_until

HEAD_SECONDS = 3.0
CLIENTS = 200
GET = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The server that all processes use; here it waits a second for a head."""
    app = Quart("slow heads")

    @app.get("/")
    async def there() -> str:
        return "there"

    listener, stop = listen("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve_until(app, listener, stop, drain_seconds=0.1, head_seconds=HEAD_SECONDS))
    yield port_of(listener)
    stop.set()
    await serving
    listener.detach()  # hypercorn has closed it


async def _dripped(port: int, before: bytes) -> float:
    """How long the server listens to a head that never ends, after what stands `before` it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if before:
        writer.write(before)
        assert b"there" in await reader.readuntil(b"there")
    began = time.monotonic()
    writer.write(b"GET / HTTP/1.1\r\nHost: hub\r\n")
    ended = asyncio.ensure_future(reader.read())
    while not ended.done():
        writer.write(b"X-More: and more\r\n")
        await asyncio.wait([ended], timeout=0.1)
        if time.monotonic() - began > 20:
            ended.cancel()
            break
    writer.close()
    return time.monotonic() - began


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "later"])
async def test_heads_that_drip_are_cut_off_and_others_served(port: int, before: bytes) -> None:
    drips = [asyncio.create_task(_dripped(port, before)) for _ in range(CLIENTS)]
    served = 0
    while not all(drip.done() for drip in drips):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        async with asyncio.timeout(5):
            await reader.readuntil(b"there")
        writer.close()
        served += 1
        await asyncio.wait(drips, timeout=0.1)

    assert served
    assert max(drip.result() for drip in drips) < HEAD_SECONDS + 5
