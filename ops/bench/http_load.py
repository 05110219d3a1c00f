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
                received = waiting[descriptor] + _more(self._sockets[descriptor])
                if _body(received) is None:
                    waiting[descriptor] = received
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
