"""`omniaxs up` with OMNIAXS_REST_SERVER=granian: REST on a port of its own, the WebSocket where it was, one end of both."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest
import websockets

from ops.processes.local import LocalOptions, run_local
from ops.processes.rest_on_granian import serve_rest_until
from ops.processes.serving import listen, listen_publicly, port_of
from ops.processes.up_file import Up
from ops.runtime.settings import Settings
from tests.integration.processes.test_slow_http_clients import LARGE, large_app


def on_granian() -> Settings:
    """Any free ports."""
    return Settings(_env_file=None, rest_server="granian", port=0, rest_port=0, ops_port=0, drain_seconds=1)


async def test_rest_and_websocket_have_a_port_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ups: asyncio.Queue[Up] = asyncio.Queue()
    stop = asyncio.Event()
    running = asyncio.create_task(run_local(on_granian(), LocalOptions(), ups.put_nowait, stop))
    try:
        up = await asyncio.wait_for(ups.get(), 30)
        async with httpx.AsyncClient() as client:
            rest = await client.get(f"{up.http}/public/v1/time")
            beside = await client.get(up.ws.replace("ws", "http", 1).removesuffix("/v1/ws") + "/public/v1/time")
            handshake = await client.get(f"{up.http}/v1/ws")
        async with websockets.connect(up.ws):
            stop.set()
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)

    assert up.http.rsplit(":", 1)[1] != up.ws.rsplit(":", 1)[1].split("/")[0]
    assert (rest.status_code, rest.headers["server"]) == (200, "granian")
    assert (beside.status_code, "server" in beside.headers) == (200, False)
    assert handshake.status_code == 426


def test_hypercorn_needs_no_second_socket() -> None:
    sockets = listen_publicly(Settings(_env_file=None, port=0))
    sockets.all.close()

    assert sockets.rest is None


async def test_a_client_of_granian_that_reads_nothing_is_dropped() -> None:
    listener, stop = listen("127.0.0.1", 0, unread_seconds=1.0), asyncio.Event()
    port = port_of(listener)
    serving = asyncio.create_task(serve_rest_until(large_app(), listener, stop, drain_seconds=0.1))
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(4)  # longer than the kernel waits: nothing tells the client of it
        read = await everything(client)
    stop.set()
    await serving

    assert read < len(LARGE)


async def everything(client: socket.socket) -> int:
    """How many bytes can still be read."""
    loop, read = asyncio.get_running_loop(), 0
    try:
        async with asyncio.timeout(5):
            while received := await loop.sock_recv(client, 65_536):
                read += len(received)
    except ConnectionError:
        pass
    return read
