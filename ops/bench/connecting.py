"""Connections to a server that has said `ready`, perhaps a moment before it listens."""

import socket
import time
from collections.abc import Callable

Greeting = Callable[[socket.socket], None]
"""Does what a reader must do on a new connection before messages come."""
_PATIENCE_SECONDS = 10.0


def connected(port: int, receive_bytes: int | None = None) -> socket.socket:
    """A blocking connection to 127.0.0.1, with a receive buffer of `receive_bytes` where given.

    Raises `ConnectionRefusedError` when nothing listens for 10 s.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        opened = socket.socket()
        opened.settimeout(_PATIENCE_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_bytes is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        try:
            opened.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            opened.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return opened
