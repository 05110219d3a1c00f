"""The servers that the REST benchmark puts an app on, each within the loop of its process."""

import asyncio

from quart import Quart

from ops.processes import rest_on_granian, rest_on_uvicorn
from ops.processes.garbage import freeze_what_stands
from ops.processes.serving import listen, serve_until


async def serve_on(server: str, app: Quart, port: int, line: str) -> None:
    """Serve until killed, on the server of that name with the settings of a gateway, the collector's among them; prints `line`
    once it listens.
    """
    serve = {
        "hypercorn": serve_until,
        "granian": rest_on_granian.serve_rest_until,
        "uvicorn": rest_on_uvicorn.serve_rest_until,
    }[server]
    listener = listen("127.0.0.1", port)
    freeze_what_stands()
    print(line, flush=True)
    await serve(app, listener, asyncio.Event(), drain_seconds=0)
