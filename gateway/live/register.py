"""`GET /v1/ws`: where Quart hands a connection over."""

from collections.abc import Callable
from typing import Any

from quart import Quart, websocket

from gateway.live.connection import CLOSING_SECONDS, PATH
from gateway.live.sockets import LiveSockets
from gateway.live.transport import HypercornWire, SendInScope, check_server
from ops.runtime.errors import HubError

AddressOf = Callable[[dict[str, Any]], str]
"""The client's address by the ASGI scope."""


def register_live(app: Quart, sockets: LiveSockets, address_of: AddressOf) -> None:
    """Serve the WebSocket of `sockets` at /v1/ws. Wrap `app.asgi_app` further only from the inside.

    Raises `UnsupportedServer` on another hypercorn than the pinned one. Refused handshakes (draining, HTTP/2) raise
    `HubError`, which the app answers.
    """
    check_server()
    app.asgi_app = SendInScope(app.asgi_app)  # type: ignore[method-assign,assignment]

    @app.websocket(PATH)
    async def live() -> None:
        scope: Any = websocket.scope
        if scope["http_version"] != "1.1":
            expected = {"name": "http version", "reason": scope["http_version"], "expected": "1.1"}
            raise HubError("request.invalid", {"fields": [expected]})
        if sockets.draining:
            raise HubError("system.unavailable")
        wire = HypercornWire(scope, sockets.limits)
        await websocket.accept()
        if not wire.accepted:
            return
        connection = sockets.open(wire, address_of(scope), _accept_language(scope))
        wire.listen(connection)
        try:
            while True:
                await connection.take(await websocket.receive())
        finally:
            sockets.gone(connection)
            wire.release(CLOSING_SECONDS)


def _accept_language(scope: dict[str, Any]) -> str | None:
    for name, value in scope["headers"]:
        if name == b"accept-language":
            return bytes(value).decode("latin-1")
    return None
