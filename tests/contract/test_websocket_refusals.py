"""Handshakes that are no WebSocket, or that are refused, get the envelope too."""

import json

import pytest
from quart import websocket
from quart.testing.connections import WebsocketResponseError

from ops.runtime.errors import HubError


@pytest.fixture
def with_socket(gateway):
    """The gateway with a WebSocket that refuses whoever comes with `?refuse`."""

    async def live() -> None:
        if websocket.query_string:
            raise HubError("system.unavailable")
        await websocket.accept()
        await websocket.send("hello")

    gateway.app.add_websocket("/v1/ws", "live", live)
    return gateway


async def test_plain_get_is_told_to_upgrade(with_socket):
    response = await with_socket.open("GET", "/v1/ws")
    assert response.status_code == 426
    assert response.headers["Upgrade"] == "websocket"
    assert (await response.get_json())["error"]["code"] == "route.upgrade_required"


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [("/v1/nothing", 404, "route.not_found"), ("/v1/ws?refuse", 503, "system.unavailable")],
)
async def test_refused_handshake_has_the_envelope(with_socket, target, status, code):
    with pytest.raises(WebsocketResponseError) as refusal:
        async with with_socket.app.test_client().websocket(target, headers={"Accept-Language": "ja"}) as connection:
            await connection.receive()
    response = refusal.value.response
    assert response.status_code == status
    answer = json.loads(await response.get_data())
    assert answer["error"]["code"] == code
    assert answer["trace_id"] == response.headers["X-Trace-Id"]
    assert response.headers["Content-Language"] == "ja-JP"


async def test_accepted_handshake_talks(with_socket):
    async with with_socket.app.test_client().websocket("/v1/ws") as connection:
        assert await connection.receive() == "hello"
