"""The only place that knows hypercorn's insides: how frames get to its transport and how pongs get out of it.

hypercorn offers neither, so its private attributes are used. They are those of 0.18.0, which is pinned;
`check_server` refuses to start on another.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, Final, Protocol

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.protocol.events import StreamClosed
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import ASGIWebsocketState, FrameTooLargeError, WSStream
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Message, Ping, Pong
from wsproto.utilities import LocalProtocolError

from gateway.live.limits import LiveLimits

HYPERCORN: Final = "0.18.0"
UNSENT_BYTES: Final = 128 * 1024
_SEND_KEY: Final = "omniaxs.send"
_NEEDED: Final = (
    (WSStream, ("app_send", "_handle_events", "handle")),
    (H11Protocol, ("stream_send",)),
    (TCPServer, ("protocol_send",)),
)
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class UnsupportedServer(Exception):
    """hypercorn is not the version whose insides are known here; the text says which is needed."""


class Listener(Protocol):
    """Who hears what comes in beside whole messages."""

    def message_came(self) -> bool:
        """A whole message has come in; False: it is not to be taken."""
        ...

    def too_large(self) -> None:
        """A message grows beyond the limit."""
        ...

    def ping_came(self, payload: bytes) -> None:
        """To be answered with a pong."""
        ...

    def pong_came(self) -> None:
        """The answer to a ping of ours."""
        ...

    def ended(self) -> None:
        """Nothing can be written any more."""
        ...


def check_server(installed: str | None = None) -> None:
    """Raises `UnsupportedServer` unless hypercorn is the one that this module was written for."""
    found = installed or version("hypercorn")
    if found != HYPERCORN:
        raise UnsupportedServer(
            f"WebSockets need hypercorn {HYPERCORN}, whose transport they write to; {found} is installed: "
            "install what requirements.txt pins"
        )
    for owner, names in _NEEDED:
        for name in names:
            if not callable(getattr(owner, name, None)):
                raise UnsupportedServer(
                    f"hypercorn {found} has no {owner.__name__}.{name}: install what requirements.txt pins"
                )


def configure_server(config: Config, limits: LiveLimits) -> None:
    """Settings that WebSockets need: one message fits, no pings beside ours, and only HTTP/1.1.

    hypercorn takes HTTP/2 by prior knowledge too, whatever ALPN offers: of no stream at a time, so the first one ends it.
    """
    config.websocket_max_message_size = limits.message_bytes
    config.websocket_ping_interval = None
    config.alpn_protocols = ["http/1.1"]
    config.h2_max_concurrent_streams = 0


class SendInScope:
    """ASGI middleware: notes hypercorn's own `send` in the scope of a WebSocket. It must be the outermost one."""

    def __init__(self, app: Asgi) -> None:
        self._app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            scope[_SEND_KEY] = send
        try:
            await self._app(scope, receive, send)
        finally:
            scope.pop(_SEND_KEY, None)


class HypercornWire:
    """See `wire.Wire`: one HTTP/1.1 connection of hypercorn. Make it before the handshake is accepted.

    Raises `UnsupportedServer` when the way to the transport is not as expected.
    """

    __slots__ = ("_limit", "_listener", "_size", "_stream", "_transport", "buffered", "write")

    def __init__(self, scope: Any, limits: LiveLimits) -> None:
        stream = getattr(scope.get(_SEND_KEY), "__self__", None)
        protocol = getattr(getattr(stream, "send", None), "__self__", None)
        server = getattr(getattr(protocol, "send", None), "__self__", None)
        if not (isinstance(stream, WSStream) and isinstance(protocol, H11Protocol) and isinstance(server, TCPServer)):
            raise UnsupportedServer(
                f"no way from {type(stream).__name__} to a transport: WebSockets need hypercorn {HYPERCORN} over HTTP/1.1, "
                "with SendInScope as the outermost middleware"
            )
        self._stream: WSStream = stream
        self._transport: asyncio.WriteTransport = server.writer.transport
        self._listener: Listener | None = None
        self._limit, self._size = limits.message_bytes, 0
        self.write: Callable[[bytes], None] = self._transport.write
        self.buffered: Callable[[], int] = self._transport.get_write_buffer_size
        stream.handshake.extensions = (
            None  # permessage-deflate would cost 40 KiB a connection and inflate what comes in
        )
        _bound_unsent(self._transport)

    @property
    def accepted(self) -> bool:
        """Whether the handshake came to its end: not where the client left before it, or sent something else before our
        answer, which hypercorn refuses with 400 without a word to the application.
        """
        return self._stream.state is ASGIWebsocketState.CONNECTED and not self._stream.closed

    def listen(self, listener: Listener) -> None:
        """Take what comes in from now on."""
        self._listener = listener
        self._stream._handle_events = self._handle_events  # type: ignore[method-assign]  # noqa: SLF001  (see above)

    def close(self, code: int, reason: str) -> None:
        """See `Wire`."""
        self._send(CloseConnection(code=code, reason=reason))

    def abort(self) -> None:
        """See `Wire`."""
        self._transport.abort()

    def release(self, seconds: float) -> None:
        """The application is done with the connection: what it still has to read is dropped after `seconds`."""
        self._listener = None
        del self._stream._handle_events  # noqa: SLF001  (the instance's own; the class's stands again)
        if self.buffered():
            asyncio.get_running_loop().call_later(seconds, self._transport.abort)

    async def _handle_events(self) -> None:
        """As hypercorn's own, but nothing is written through `drain`, which a client that does not read would block, and
        sizes, pings and pongs are looked at.
        """
        stream = self._stream
        for event in stream.connection.events():
            if isinstance(event, Message):
                await self._take(event)
            elif isinstance(event, Ping):
                if self._listener is not None:
                    self._listener.ping_came(bytes(event.payload))
            elif isinstance(event, Pong):
                if self._listener is not None:
                    self._listener.pong_came()
            elif isinstance(event, CloseConnection):
                self._send(CloseConnection(code=event.code, reason=event.reason))
                if self._listener is not None:
                    self._listener.ended()
                await stream.send(StreamClosed(stream_id=stream.stream_id))

    async def _take(self, event: Message[Any]) -> None:
        stream, listener = self._stream, self._listener
        if listener is None or stream.connection.state is not ConnectionState.OPEN:
            return
        data = event.data
        self._size += len(data.encode()) if isinstance(data, str) and not data.isascii() else len(data)
        try:
            if self._size <= self._limit:
                stream.buffer.extend(event)
        except FrameTooLargeError:
            self._size = self._limit + 1
        if self._size > self._limit:
            stream.buffer.clear()
            listener.too_large()
        elif event.message_finished:
            message = stream.buffer.to_message()
            stream.buffer.clear()
            self._size = 0
            if listener.message_came() and stream.app_put is not None:
                await stream.app_put(message)

    def _send(self, event: CloseConnection) -> None:
        try:
            self.write(self._stream.connection.send(event))
        except (LocalProtocolError, RuntimeError):
            return  # a close frame was sent already, or the transport has ended


def _bound_unsent(transport: asyncio.BaseTransport) -> None:
    """Let the kernel take little more than the network does: what waits must be seen in our buffer, where it is counted."""
    own = transport.get_extra_info("socket")
    if own is not None and hasattr(socket, "TCP_NOTSENT_LOWAT") and own.family in {socket.AF_INET, socket.AF_INET6}:
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
