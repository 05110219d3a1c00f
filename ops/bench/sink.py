"""Many readers in one process that count bytes and never parse: the load of the fan-out benchmarks."""

import select
import socket
import time
from typing import Final

from ops.bench.connecting import Greeting, connected
from ops.bench.websocket import PING, PONG

_LOOK_SECONDS: Final = 1.0


class Sink:
    """Connections to one port, each opened by `greet`, then drained. Pings are answered."""

    def __init__(self, port: int, greet: Greeting) -> None:
        self._port, self._greet = port, greet
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._buffer = bytearray(1 << 18)

    def open(self, count: int) -> None:
        """Open connections until there are `count`; those that are open meanwhile answer pings."""
        look_at = time.monotonic() + _LOOK_SECONDS
        while len(self._sockets) < count:
            connection = connected(self._port)
            self._greet(connection)
            connection.settimeout(0)
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection.fileno(), select.EPOLLIN)
            if time.monotonic() > look_at:
                look_at = time.monotonic() + _LOOK_SECONDS
                self._take(0)

    def drain(self, seconds: float) -> int:
        """Read for `seconds`; returns the bytes read. Raises `ConnectionError` when the server closes one."""
        total = 0
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            total += self._take(left)
        return total

    def close(self) -> None:
        """Close every connection."""
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()

    def _take(self, seconds: float) -> int:
        """What is there, or comes first within `seconds`: its bytes."""
        total = 0
        for descriptor, _ in self._poll.poll(seconds):
            connection = self._sockets[descriptor]
            read = connection.recv_into(self._buffer)
            if not read:
                raise ConnectionError("the server closed a connection")
            if self._buffer.find(PING, 0, read) >= 0:  # nothing else has these two bytes: all texts are ASCII
                connection.send(PONG)
            total += read
        return total
