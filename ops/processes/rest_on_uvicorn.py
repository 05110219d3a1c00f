"""The REST listener on uvicorn: heads and bodies are taken apart by compiled code (httptools) within the gateway's own loop.

uvicorn does not bound heads; what is added here gives them the bounds that hypercorn has (docs/decisions/0143).
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from quart import Quart
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ops.processes.serving import HEAD_BYTES, HEAD_SECONDS, require_version

UVICORN: Final = "0.54.0"
_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class _HeadTooLarge(Exception):
    """Never seen outside: the parser makes an error of its own of it."""


class _BoundedHeads(HttpToolsProtocol):
    """A head must be whole within the time for which a kept connection may rest, and has 64 KiB: else 431, and an end."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._in_head = self._refused = False
        self._fed = 0
        """Bytes that came since the head of now began, or, once it is whole, in the last piece."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As it is, with a head awaited from now on."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """As it is, but the timer goes on until a head is whole; uvicorn's own would stop at the first byte."""
        waiting, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        last, self._fed = self.cycle, len(data) + (self._fed if self._in_head else 0)
        super().data_received(data)
        if self._in_head and self._fed > HEAD_BYTES and not self._refused:
            self.send_400_response("")
        if waiting is not None:
            if self.cycle is last:
                self.timeout_keep_alive_task = waiting
            else:
                waiting.cancel()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole; one that came in a single piece is measured here."""
        self._in_head = False
        if self._fed > HEAD_BYTES and sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            self._in_head = True
            raise _HeadTooLarge
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, or is too large, and end the connection."""
        self._refused = True
        if self._in_head and self._fed > HEAD_BYTES:
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()
        else:
            super().send_400_response(msg)


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
    require_version("uvicorn", UVICORN, "whose way of reading heads is bounded by us")
    settings: dict[str, Any] = {  # uvicorn's annotations want whole seconds, which it does not need
        "timeout_keep_alive": head_seconds,
        "timeout_graceful_shutdown": drain_seconds,
    }
    config = uvicorn.Config(
        app,
        http=_BoundedHeads,
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
