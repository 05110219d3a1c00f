"""The two servers that the REST benchmark puts an app on, both within the loop of its process."""

import asyncio

from quart import Quart

from ops.processes.rest_serving import serve_rest_until
from ops.processes.serving import listen, serve_until


async def serve_on(server: str, app: Quart, port: int, line: str) -> None:
    """Serve until killed, on `hypercorn` or `granian` with the settings of a gateway; prints `line` once it listens."""
    serve = {"hypercorn": serve_until, "granian": serve_rest_until}[server]
    listener = listen("127.0.0.1", port)
    print(line, flush=True)
    await serve(app, listener, asyncio.Event(), drain_seconds=0)
