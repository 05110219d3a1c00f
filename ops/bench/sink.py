"""Many WebSocket or plain TCP readers in one process that count bytes and never parse: the load of the fan-out benchmarks."""

import base64
import json
import os
import select
import socket
import time
from collections.abc import Callable, Sequence


class Sink:
    """`count` connections to one address, each opened by `greet`, then drained. Counts bytes a connection."""

    def __init__(self, host: str, port: int, count: int, greet: Callable[[socket.socket], bytes]) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self.received: dict[int, int] = {}
        for _ in range(count):
            connection = socket.create_connection((host, port), timeout=10)
            rest = greet(connection)
            connection.settimeout(0)
            self._sockets[connection.fileno()] = connection
            self.received[connection.fileno()] = len(rest)
            self._poll.register(connection.fileno(), select.EPOLLIN)

    def drain(self, seconds: float) -> int:
        """Read for `seconds`; returns the bytes read."""
        total = 0
        buffer = bytearray(1 << 18)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left):
                read = self._sockets[descriptor].recv_into(buffer)
                self.received[descriptor] += read
                total += read
        return total

    def close(self) -> None:
        """Close every connection."""
        for connection in self._sockets.values():
            connection.close()
        self._poll.close()


def websocket_greeting(
    host: str, path: str, first_messages: Callable[[], Sequence[dict[str, object]]]
) -> Callable[[socket.socket], bytes]:
    """Opens a WebSocket without extensions, then sends each first message and waits for one answer to it."""

    def greet(connection: socket.socket) -> bytes:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        head, _, rest = received.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0] + b" ":
            raise ConnectionError(head.decode(errors="replace"))
        for message in first_messages():
            connection.sendall(masked_text(json.dumps(message).encode()))
            rest = _one_frame(connection, rest)
        return rest

    return greet


def masked_text(payload: bytes) -> bytes:
    """A client's text frame with an all-zero mask (legal, and free to make)."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


def _one_frame(connection: socket.socket, rest: bytes) -> bytes:
    """Read until one whole server frame is there, and return what follows it."""
    while True:
        size = _frame_size(rest)
        if size is not None and len(rest) >= size:
            return rest[size:]
        rest += connection.recv(65_536)


def _frame_size(data: bytes) -> int | None:
    if len(data) < 2:
        return None
    short = data[1] & 0x7F
    if short < 126:
        return 2 + short
    extended = 2 if short == 126 else 8
    return 2 + extended + int.from_bytes(data[2 : 2 + extended], "big") if len(data) >= 2 + extended else None
