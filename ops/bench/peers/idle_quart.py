"""The yardstick of the memory benchmark: a bare Quart WebSocket on hypercorn that waits for what never comes. Argument: PORT"""

import sys

import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, websocket

from ops.processes.garbage import freeze_what_stands


def build() -> Quart:
    """One route that accepts and reads."""
    app = Quart("idle")

    @app.websocket("/v1/ws")
    async def stream() -> None:
        await websocket.accept()
        while True:
            await websocket.receive()

    @app.before_serving
    async def start() -> None:
        freeze_what_stands()
        print("ready", flush=True)

    return app


if __name__ == "__main__":
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.backlog = 4096
    uvloop.run(serve(build(), config))
