"""Many readers in one process that count bytes and never parse: the load of the fan-out benchmarks."""

import select
import socket
import time

from ops.bench.connecting import Greeting, connected


class Sink:
    """`count` connections to one port, each opened by `greet`, then drained."""

    def __init__(self, port: int, count: int, greet: Greeting) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(count):
            connection = connected(port)
            greet(connection)
            connection.settimeout(0)
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def drain(self, seconds: float) -> int:
        """Read for `seconds`; returns the bytes read. Raises `ConnectionError` when the server closes one."""
        total = 0
        buffer = bytearray(1 << 18)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left):
                read = self._sockets[descriptor].recv_into(buffer)
                if not read:
                    raise ConnectionError("the server closed a connection")
                total += read
        return total

    def close(self) -> None:
        """Close every connection."""
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()
