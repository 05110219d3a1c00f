"""The REST listener on granian: the app and the loop of the gateway, with heads and bodies taken apart by compiled code.

granian runs one thread beside the loop, which owns the sockets; each request is a task on our loop (docs/decisions/0142).
"""

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any, Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from quart import Quart

from ops.processes.serving import HEAD_BYTES, HEAD_SECONDS, require_version

GRANIAN: Final = "2.8.7"
_CONNECTIONS: Final = 65_536
"""More than a process can have descriptors: with fewer, clients that wait in silence would keep others out."""
_BACKLOG: Final = 1_024
_LOG_AS_WE_DO: Final = {"incremental": True, "handlers": {}, "loggers": {}}
"""Its messages go where ours go; otherwise it would set up handlers of its own and close those that there are."""
_log = logging.getLogger(__name__)


class _OnOurSocket(Server):
    """granian's embedded server, listening where we do: by itself it would share its port with whoever asks for it too."""

    _shd: Any

    def __init__(self, app: Quart, listener: socket.socket, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        made_of_a_descriptor: Any = SocketHolder  # its stub knows no constructor
        self._shd = made_of_a_descriptor(self._listener.detach(), uds=False, backlog=_BACKLOG)


async def serve_rest_until(
    app: Quart,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    drain_seconds: float,
    tls: tuple[Path, Path] | None = None,
    head_seconds: float = HEAD_SECONDS,
) -> None:
    """As `serving.serve_until`, by granian: HTTP/1.1 alone, no WebSockets. The socket is granian's from then on.

    Raises `UnsupportedServer`, and `RuntimeError` when granian ends by itself.
    """
    require_version("granian", GRANIAN, "which is given a socket of ours")
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts inherits it
    server: Any = _OnOurSocket(
        app,
        listener,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=round(head_seconds * 1_000), max_buffer_size=HEAD_BYTES),
        websockets=False,
        backpressure=_CONNECTIONS,
        log_level=LogLevels.error,
        log_dictconfig=_LOG_AS_WE_DO,
        ssl_cert=tls[0] if tls else None,
        ssl_key=tls[1] if tls else None,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    serving = asyncio.create_task(server.serve(), name="granian")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            raise RuntimeError("granian has ended by itself")
        server.stop()
        _, unfinished = await asyncio.wait([serving], timeout=drain_seconds)
        if unfinished:
            _log.warning("REST requests were still running %g s after the stop", drain_seconds)
    finally:
        for task in (serving, stopping):
            task.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)
