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
        self._port = port
        for _ in range(connections):
            self._open()

    def run(self, seconds: float) -> int:
        """Keep every connection busy for `seconds`; returns how many requests were answered."""
        waiting = dict.fromkeys(self._sockets, b"")
        for opened in self._sockets.values():
            opened.sendall(self._request())
        answered = 0
        until = time.monotonic() + seconds
        while waiting:
            for ready, _ in self._poll.poll(5):
                descriptor = ready
                received = waiting[descriptor] + _more(self._sockets[descriptor])
                if _body(received) is None:
                    waiting[descriptor] = received
                    continue
                answered += 1
                del waiting[descriptor]
                if b"connection: close" in received[:1_000].lower():
                    descriptor = self._reopen(descriptor)
                if time.monotonic() < until:
                    waiting[descriptor] = b""
                    self._sockets[descriptor].sendall(self._request())
        return answered

    def close(self) -> None:
        """Close every connection."""
        for opened in self._sockets.values():
            opened.close()
        self._poll.close()

    def _open(self) -> int:
        opened = connected(self._port)
        self._sockets[opened.fileno()] = opened
        self._poll.register(opened.fileno(), select.EPOLLIN)
        return opened.fileno()

    def _reopen(self, descriptor: int) -> int:
        """A new connection in the place of one that its server ends (hypercorn: after 1,000 requests)."""
        self._poll.unregister(descriptor)
        self._sockets.pop(descriptor).close()
        return self._open()


def answer_body(port: int, request: bytes) -> bytes:
    """The body that one request is answered with."""
    with connected(port) as opened:
        opened.sendall(request)
        received = b""
        while (body := _body(received)) is None:
            received += _more(opened)
        return body


def _more(opened: socket.socket) -> bytes:
    received = opened.recv(65_536)
    if not received:
        raise UnexpectedAnswer("the server closed the connection")
    return received


def _body(received: bytes) -> bytes | None:
    """The whole body, None as long as some of it is missing."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return None
    if not head.startswith(b"HTTP/1.1 200"):
        raise UnexpectedAnswer(received[:500].decode(errors="replace"))
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    return body if len(body) >= int(lowered[start:].split(b"\r\n", 1)[0]) else None
