"""Echo servers for the conformance cases, a process each: one with our frames and our handling of what comes in, one plain Quart.

`python -m tests.hostile.echo_server ours|plain`: listens on a free port, prints it, and serves `/echo` until killed. Ours
is wired as `gateway.live.register` wires `/v1/ws`: the wire below hypercorn, the client with its write buffer, whole frames
made by `gateway.live.frames`. Only the protocol on top is left out. The route exists nowhere else.
"""

import asyncio
import sys
from typing import Final

import uvloop
from hypercorn.config import Config
from quart import Quart, websocket

from gateway.live.backlog import Losses
from gateway.live.client import Client
from gateway.live.close_codes import LIMITS
from gateway.live.connection import CLOSING_SECONDS
from gateway.live.frames import header, pong_frame, text_frame
from gateway.live.limits import LiveLimits
from gateway.live.transport import HypercornWire, SendInScope, check_server, configure_server
from ops.processes.serving import listen, port_of, serve_until

PATH: Final = "/echo"
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of the largest message of the cases (9.1.6, 9.2.6)."""
_BINARY: Final = 0x82
_LIMITS: Final = LiveLimits(message_bytes=LARGEST, buffered_bytes=4 * LARGEST)


class Echo:
    """See `gateway.live.transport.Listener`: answers pings as a connection of `/v1/ws` does."""

    def __init__(self, wire: HypercornWire) -> None:
        self.client = Client(wire, _LIMITS, Losses(), on_waiting=lambda _client: None, on_too_slow=self.close)

    def message_came(self) -> bool:
        return not self.client.closed

    def too_large(self) -> None:
        self.close()

    def ping_came(self, payload: bytes) -> None:
        self.client.send(pong_frame(payload))

    def pong_came(self) -> None:
        """Nobody was pinged."""

    def ended(self) -> None:
        self.client.closed = True

    def close(self) -> None:
        self.client.close(LIMITS, "limit")

    def take(self, message: str | bytes | None) -> None:
        """Send it back. Quart hands over an empty binary message as None."""
        if isinstance(message, str):
            self.client.send(text_frame(message.encode()))
        else:
            data = message or b""
            self.client.send(header(_BINARY, len(data)) + data)


def ours() -> Quart:
    """An app that echoes the way `/v1/ws` sends and receives."""
    check_server()
    app = Quart("echo")
    app.asgi_app = SendInScope(app.asgi_app)  # type: ignore[method-assign,assignment]

    @app.websocket(PATH)
    async def echo() -> None:
        wire = HypercornWire(websocket.scope, _LIMITS)
        await websocket.accept()
        connection = Echo(wire)
        wire.listen(connection)
        try:
            while True:
                connection.take(await websocket.receive())
        finally:
            connection.ended()
            wire.release(CLOSING_SECONDS)

    return app


def plain() -> Quart:
    """An app that echoes as anyone would with Quart on hypercorn."""
    app = Quart("plain")

    @app.websocket(PATH)
    async def echo() -> None:
        while True:
            message = await websocket.receive()
            await websocket.send(b"" if message is None else message)

    return app


async def main(kind: str) -> None:
    """Serve until killed."""
    listener = listen("127.0.0.1", 0)
    print(f"port {port_of(listener)}", flush=True)  # noqa: T201  (how it says that it listens)
    app = {"ours": ours, "plain": plain}[kind]()

    def configure(config: Config) -> None:
        if kind == "ours":
            configure_server(config, _LIMITS)
        else:
            config.websocket_max_message_size = LARGEST

    await serve_until(app, listener, asyncio.Event(), drain_seconds=1, configure=configure)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
