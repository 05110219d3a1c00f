"""The client's side of a WebSocket as far as benchmarks need it: the handshake and small frames, without a library's cost."""

import base64
import json
import os
import socket
from collections.abc import Callable, Sequence

from ops.bench.connecting import Greeting

Request = dict[str, object]
PING = b"\x89\x00"
"""As ours are: empty."""
PONG = b"\x8a\x80\0\0\0\0"
"""Its answer, as a client must mask it."""


def websocket_greeting(path: str, first_messages: Callable[[], Sequence[Request]]) -> Greeting:
    """Opens a WebSocket without extensions, then sends each first message and waits for the answer that says `ok`.

    Raises `ConnectionError` with what the server said when it refuses.
    """

    def greet(connection: socket.socket) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        received = b""
        while b"\r\n\r\n" not in received:
            received += _more(connection)
        head, _, rest = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(received.decode(errors="replace"))
        for message in first_messages():
            connection.sendall(masked_text(json.dumps(message).encode()))
            answer, rest = _one_frame(connection, rest)
            if b'"ok":true' not in answer:
                raise ConnectionError(answer.decode(errors="replace"))

    return greet


def masked_text(payload: bytes) -> bytes:
    """A client's text frame of less than 64 KiB with an all-zero mask (legal, and free to make)."""
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


def _one_frame(connection: socket.socket, received: bytes) -> tuple[bytes, bytes]:
    """One whole server frame, and what was received after it."""
    while True:
        size = _frame_size(received)
        if size is not None and len(received) >= size:
            return received[:size], received[size:]
        received += _more(connection)


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    if not received:
        raise ConnectionError("the server closed the connection")
    return received


def _frame_size(data: bytes) -> int | None:
    if len(data) < 2:
        return None
    short = data[1] & 0x7F
    if short < 126:
        return 2 + short
    extended = 2 if short == 126 else 8
    return 2 + extended + int.from_bytes(data[2 : 2 + extended], "big") if len(data) >= 2 + extended else None
