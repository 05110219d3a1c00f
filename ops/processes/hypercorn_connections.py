"""A connection ends when its client has ended it; hypercorn 0.18 lets it rest for the whole of `keep_alive_timeout` first."""

from hypercorn.asyncio.tcp_server import TCPServer

_read = TCPServer._read_data  # noqa: SLF001  (no public place; the version is pinned, and the gateway checks it at its start)


async def _read_until_the_client_ends(server: TCPServer) -> None:
    await _read(server)
    await server.idle_task.stop()


def end_with_clients() -> None:
    """From now on a client's end of file ends its connection at once, on every server of this process.

    `TCPServer.run` waits, in a task group, for reading *and* for the timer of the idle connection, which nobody stops when
    reading ends: each closed connection would keep its descriptor for as long as a client may rest.
    """
    TCPServer._read_data = _read_until_the_client_ends  # type: ignore[assignment, method-assign]  # noqa: SLF001  (as above)
