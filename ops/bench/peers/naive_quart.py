"""The naive way of the fan-out benchmarks: Quart on hypercorn, every message awaited to every client.

Arguments: PORT PAYLOAD_BYTES
"""

import asyncio
import sys

import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, websocket

from ops.bench.commanded import due_messages
from ops.bench.payload import timed_text
from ops.processes.garbage import freeze_what_stands


def build(size: int) -> Quart:
    """The app: one queue a client, one task a client that sends."""
    app = Quart("naive")
    queues: set[asyncio.Queue[str]] = set()

    @app.websocket("/v1/ws")
    async def stream() -> None:
        queue: asyncio.Queue[str] = asyncio.Queue(100_000)
        queues.add(queue)
        await websocket.accept()
        try:
            while True:
                await websocket.send(await queue.get())
        finally:
            queues.discard(queue)

    async def publish() -> None:
        async for due in due_messages():
            for _ in range(due):
                text = timed_text(size).decode()
                for queue in queues:
                    queue.put_nowait(text)

    @app.before_serving
    async def start() -> None:
        app.add_background_task(publish)
        freeze_what_stands()
        print("ready", flush=True)

    return app


if __name__ == "__main__":
    port, size = (int(text) for text in sys.argv[1:])
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.backlog = 4096
    uvloop.run(serve(build(size), config))
