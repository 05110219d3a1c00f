"""Sockets of our own, served by hypercorn until asked to stop."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from ops.runtime.settings import Settings

UNREAD_SECONDS = 90.0


class AddressTaken(Exception):
    """The address cannot be listened on; the text says which and why."""


def listen(host: str, port: int, unread_seconds: float = UNREAD_SECONDS) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises `AddressTaken`.

    The kernel drops a connection whose peer has read nothing of what waits for it for `unread_seconds` (longer than the
    WebSocket's own rule, which can say why): hypercorn waits for such a peer for ever, whatever timeouts it is given.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(unread_seconds * 1000))
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressTaken(f"cannot listen on {host}:{port}: {error.strerror}; choose another port") from error
    listener.listen(1024)
    listener.settimeout(0)
    return listener


def port_of(listener: socket.socket) -> int:
    """The port that the socket listens on."""
    return int(listener.getsockname()[1])


async def serve_until(
    app: Quart,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    drain_seconds: float,
    tls: tuple[Path, Path] | None = None,
    configure: Callable[[Config], None] | None = None,
) -> None:
    """Serve `app` until `stop` is set, then let running requests end for at most `drain_seconds`.

    `configure` may set what the app needs of its server.
    """
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = drain_seconds
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.h11_max_incomplete_size = 64 * 1024
    config.keep_alive_timeout = 75  # also until a whole head has come; a read_timeout would cost a task at each read
    config.keep_alive_max_requests = 1_000_000_000  # a trading client keeps its connection
    if configure is not None:
        configure(config)
    if tls:
        config.certfile, config.keyfile = str(tls[0]), str(tls[1])

    async def stopped() -> None:
        await stop.wait()

    await serve(app, config, shutdown_trigger=stopped)


def tls_files(settings: Settings) -> tuple[Path, Path] | None:
    """Certificate and key, when both are set."""
    if settings.tls_certificate and settings.tls_key:
        return settings.tls_certificate, settings.tls_key
    return None
