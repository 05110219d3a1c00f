"""Connections to a server that has said `ready`, perhaps a moment before it listens."""

import socket
import time
from collections.abc import Callable

Greeting = Callable[[socket.socket], None]
"""Does what a reader must do on a new connection before messages come."""
_PATIENCE_SECONDS = 10.0


def connected(port: int) -> socket.socket:
    """A blocking connection to 127.0.0.1. Raises `ConnectionRefusedError` when nothing listens for 10 s."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            opened = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
