"""The REST listener on uvicorn: heads and bodies are taken apart by compiled code (httptools) within the gateway's own loop
(docs/decisions/0143).
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from quart import Quart

from ops.processes.lean_http import LeanHttp
from ops.processes.serving import HEAD_SECONDS, require_version

UVICORN: Final = "0.54.0"


class _Server(uvicorn.Server):
    """uvicorn's server without signal handlers: those are the process's own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


async def serve_rest_until(
    app: Quart,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    drain_seconds: float,
    tls: tuple[Path, Path] | None = None,
    head_seconds: float = HEAD_SECONDS,
) -> None:
    """As `serving.serve_until`, by uvicorn: HTTP/1.1 alone, no WebSockets. Raises `UnsupportedServer`."""
    require_version("uvicorn", UVICORN, "whose protocol is made leaner and bounded by us")
    settings: dict[str, Any] = {  # uvicorn's annotations want whole seconds, which it does not need
        "timeout_keep_alive": head_seconds,
        "timeout_graceful_shutdown": drain_seconds,
    }
    config = uvicorn.Config(
        app,
        http=LeanHttp,
        ws="none",
        loop="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
        **settings,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]), name="uvicorn")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        for task in (serving, stopping):
            task.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)
