"""Sockets of our own, served by hypercorn until asked to stop."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from ops.processes.hypercorn_connections import end_with_clients
from ops.runtime.settings import Settings, SettingsError

UNREAD_SECONDS = 90.0
_NO_PASSWORD = ""
"""Else a key that has one would be asked for it on the terminal."""
HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 75.0
"""How long the whole head of a request may take, from the connection or the answer before it on; so also how long a kept
connection may rest."""


class UnsupportedServer(Exception):
    """A server is not the version whose insides are known here; the text says which is needed."""


def require_version(package: str, wanted: str, why: str) -> None:
    """Raises `UnsupportedServer` unless `package` is installed in the version `wanted`."""
    found = version(package)
    if found != wanted:
        raise UnsupportedServer(
            f"OMNIAXS_REST_SERVER={package} needs {package} {wanted}, {why}; {found} is installed: install what "
            "requirements.txt pins"
        )


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


class PublicSockets(NamedTuple):
    """Where clients come in: `all` is for REST and WebSockets, `rest`, where there is one, for REST on another server."""

    all: socket.socket
    rest: socket.socket | None

    def rest_port(self) -> int:
        """The port for REST."""
        return port_of(self.all if self.rest is None else self.rest)


def listen_publicly(settings: Settings) -> PublicSockets:
    """The sockets of a gateway. Raises `AddressTaken`, and `SettingsError` for TLS that cannot be spoken on them."""
    tls_files(settings)
    wanted = settings.rest_server != "hypercorn"
    return PublicSockets(
        listen(settings.host, settings.port), listen(settings.host, settings.rest_port) if wanted else None
    )


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
    head_seconds: float = HEAD_SECONDS,
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
    config.h11_max_incomplete_size = HEAD_BYTES
    config.keep_alive_timeout = head_seconds  # a read_timeout would cost a task at each read
    config.keep_alive_max_requests = 1_000_000_000  # a trading client keeps its connection
    if configure is not None:
        configure(config)
    if tls:
        config.certfile, config.keyfile = str(tls[0]), str(tls[1])

    async def stopped() -> None:
        await stop.wait()

    end_with_clients()
    await serve(app, config, shutdown_trigger=stopped)


def tls_files(settings: Settings) -> tuple[Path, Path] | None:
    """Certificate and key, where they are set. Raises `SettingsError` where one of them is alone, or they cannot be used."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("OMNIAXS_TLS_CERTIFICATE and OMNIAXS_TLS_KEY are a pair: set both, or neither for no TLS")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, _NO_PASSWORD)
    except OSError as error:
        raise SettingsError(
            f"no TLS with OMNIAXS_TLS_CERTIFICATE={certificate} and OMNIAXS_TLS_KEY={key}: {error}; both must be PEM files "
            "that this process can read, the key that of the certificate and without a password"
        ) from error
    return certificate, key
