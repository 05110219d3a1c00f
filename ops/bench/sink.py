"""Many readers in one process that count bytes and never parse: the load of the fan-out benchmarks."""

import select
import socket
import time

from ops.bench.connecting import Greeting, connected
from ops.bench.websocket import PING, PONG


class Sink:
    """Connections to one port, each opened by `greet`, then drained."""

    def __init__(self, port: int, greet: Greeting) -> None:
        self._port, self._greet = port, greet
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}

    def open(self, count: int) -> None:
        """Open connections until there are `count`."""
        while len(self._sockets) < count:
            connection = connected(self._port)
            self._greet(connection)
            connection.settimeout(0)
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def drain(self, seconds: float) -> int:
        """Read for `seconds`; returns the bytes read. A ping that comes alone is answered: between messages as seldom as
        ours are sent nearly all do. Raises `ConnectionError` when the server closes one.
        """
        total = 0
        buffer = bytearray(1 << 18)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left):
                connection = self._sockets[descriptor]
                read = connection.recv_into(buffer)
                if not read:
                    raise ConnectionError("the server closed a connection")
                if read == len(PING) and buffer.startswith(PING):
                    connection.send(PONG)
                    continue
                total += read
        return total

    def close(self) -> None:
        """Close every connection."""
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()
