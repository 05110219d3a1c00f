"""What clients that are slow on purpose can hold: over real sockets, by the server that all processes use."""

import asyncio
import socket

import pytest
from quart import Quart, Response

from ops.processes.serving import HEAD_SECONDS, UNREAD_SECONDS, listen, port_of, serve_until

LARGE = b"x" * 8_000_000


def large_app() -> Quart:
    """One large answer."""
    app = Quart("slow")

    @app.get("/")
    async def large() -> Response:
        return Response(LARGE)

    return app


@pytest.fixture
async def port():
    app = large_app()
    listener, stop = listen("127.0.0.1", 0, unread_seconds=1.0), asyncio.Event()
    serving = asyncio.create_task(serve_until(app, listener, stop, drain_seconds=0.1))
    yield port_of(listener)
    stop.set()
    await serving
    listener.detach()  # hypercorn has closed it


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="an option of Linux")
async def test_a_client_that_reads_nothing_of_a_large_answer_is_dropped(port: int) -> None:
    loop, dropped = asyncio.get_running_loop(), asyncio.Event()
    reasons = []

    def told(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        reasons.append(context.get("exception"))
        dropped.set()

    loop.set_exception_handler(told)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        await asyncio.wait_for(dropped.wait(), 30)

    assert [type(reason) for reason in reasons] == [TimeoutError]


async def test_a_client_that_reads_gets_it_whole(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    answer = await reader.read(-1)
    writer.close()

    assert answer.endswith(LARGE)


@pytest.mark.parametrize("said", [b"", b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["nothing", "a request"])
async def test_a_connection_ends_with_its_client_and_not_a_rest_later(port: int, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    if said:
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
    writer.write_eof()

    await asyncio.wait_for(reader.read(-1), HEAD_SECONDS / 5)
    writer.close()


def test_stuck_websockets_are_closed_by_their_own_rule_first() -> None:
    assert UNREAD_SECONDS > 60 + 5
