"""A load of HTTP/1.1 requests over kept connections, one outstanding on each; every answer's status is checked."""

import select
import socket
import time
from collections.abc import Callable

from ops.bench.connecting import connected


class UnexpectedAnswer(Exception):
    """A request was not answered with 200; the text is the beginning of the answer."""


class HttpLoad:
    """`connections` kept connections to one server; `request` gives the bytes of the next request."""

    def __init__(self, port: int, connections: int, request: Callable[[], bytes]) -> None:
        self._request = request
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            opened = connected(port)
            self._sockets[opened.fileno()] = opened
            self._poll.register(opened.fileno(), select.EPOLLIN)

    def run(self, seconds: float) -> int:
        """Keep every connection busy for `seconds`; returns how many requests were answered."""
        waiting = dict.fromkeys(self._sockets, b"")
        for opened in self._sockets.values():
            opened.sendall(self._request())
        answered = 0
        until = time.monotonic() + seconds
        while waiting:
            for descriptor, _ in self._poll.poll(5):
                rest = self._answer(waiting[descriptor] + self._sockets[descriptor].recv(65_536))
                if rest is not None:
                    waiting[descriptor] = rest
                    continue
                answered += 1
                if time.monotonic() < until:
                    waiting[descriptor] = b""
                    self._sockets[descriptor].sendall(self._request())
                else:
                    del waiting[descriptor]
        return answered

    def close(self) -> None:
        """Close every connection."""
        for opened in self._sockets.values():
            opened.close()
        self._poll.close()

    @staticmethod
    def _answer(received: bytes) -> bytes | None:
        """None when one whole answer is there, else what was received of it."""
        head, separator, body = received.partition(b"\r\n\r\n")
        if not separator:
            return received
        if not head.startswith(b"HTTP/1.1 200"):
            raise UnexpectedAnswer(received[:500].decode(errors="replace"))
        lowered = head.lower()
        start = lowered.index(b"content-length:") + len(b"content-length:")
        length = int(lowered[start:].split(b"\r\n", 1)[0])
        return None if len(body) >= length else received
