"""A flood of requests that must be refused, at a fixed rate over kept connections, and what became of them.

Prints `ready`, floods for a time, and prints one JSON line: requests answered, by code. A connection that the server ends is
opened again. Arguments: PORT REQUESTS_A_SECOND SECONDS KIND
"""

import json
import os
import secrets
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final

from ops.bench.connecting import connected
from ops.bench.order_load import ORDERS_PATH, Trader, answer_code, order_request

CONNECTIONS: Final = 32
_TURN_SECONDS: Final = 0.02
_ANSWER_SECONDS: Final = 5.0


def unsigned_read() -> bytes:
    """A list of orders, asked for by nobody."""
    return b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % ORDERS_PATH.encode()


def unsigned_visit() -> bytes:
    """The same by somebody who wants a new connection for each."""
    return b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % ORDERS_PATH.encode()


def unsigned_order() -> bytes:
    """An order of ordinary size without credentials."""
    return _UNSIGNED


def unsigned_large() -> bytes:
    """The largest body that is read at all, without credentials."""
    return _UNSIGNED_LARGE


def forged_order() -> bytes:
    """An order signed with a key that nobody has, another one each time."""
    return order_request(
        Trader("", "", f"pmk_{secrets.token_hex(8)}", "forged"), f"flood-{secrets.token_hex(8)}", "1.0"
    )


def _without_credentials(body: bytes) -> bytes:
    head = f"POST {ORDERS_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Idempotency-Key: a flood\r\nContent-Length: %d\r\n\r\n" % len(body) + body


_UNSIGNED: Final = _without_credentials(b'{"symbol":"BTCUSDT.BINANCE","side":"buy","type":"limit","quantity":"1"}')
_UNSIGNED_LARGE: Final = _without_credentials(b'{"note":"' + b"x" * 65_000 + b'"}')
KINDS: Final[Mapping[str, Callable[[], bytes]]] = {
    "unsigned reads": unsigned_read,
    "unsigned reads, a connection each": unsigned_visit,
    "unsigned orders": unsigned_order,
    "unsigned bodies of 64 KiB": unsigned_large,
    "orders of forged keys": forged_order,
}


class Flood:
    """`CONNECTIONS` kept connections to one server, at most one request outstanding on each."""

    def __init__(self, port: int, request: Callable[[], bytes]) -> None:
        self._port, self._request = port, request
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._idle: deque[int] = deque()
        self.codes: Counter[str] = Counter()
        for _ in range(CONNECTIONS):
            self._open()

    def run(self, rate: float, seconds: float) -> None:
        """Begin `rate` requests a second for `seconds`; those that find no idle connection are begun when there is one."""
        began, begun = time.monotonic(), 0
        until = began + seconds
        while (now := time.monotonic()) < until or (self._received and now < until + _ANSWER_SECONDS):
            while now < until and self._idle and now >= began + begun / rate:
                self._send(self._idle.popleft())
                begun += 1
            due = began + begun / rate - now if now < until and self._idle else _TURN_SECONDS
            for descriptor, _ in self._poll.poll(max(0.0, min(due, _TURN_SECONDS))):
                self._take(descriptor)

    def _send(self, descriptor: int) -> None:
        self._received[descriptor] = b""
        try:
            self._sockets[descriptor].sendall(self._request())
        except OSError:
            self._lost(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            more = self._sockets[descriptor].recv(65_536)
        except OSError:
            more = b""
        if not more:
            self._lost(descriptor)
            return
        received = self._received[descriptor] = self._received.get(descriptor, b"") + more
        code = answer_code(received)
        if code is None:
            return
        del self._received[descriptor]
        self.codes[code] += 1
        if b"connection: close" in received[:1_000].lower():
            self._again(descriptor)
        else:
            self._idle.append(descriptor)

    def _lost(self, descriptor: int) -> None:
        """The server ended a connection; a request that was on it is counted as such."""
        if self._received.pop(descriptor, None) is not None:
            self.codes["connection ended"] += 1
        if descriptor in self._idle:
            self._idle.remove(descriptor)
        self._again(descriptor)

    def _again(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self._sockets.pop(descriptor).close()
        self._open()

    def _open(self) -> None:
        opened = connected(self._port)
        self._sockets[opened.fileno()] = opened
        self._poll.register(opened.fileno(), select.EPOLLIN)
        self._idle.append(opened.fileno())


def main(port: int, rate: float, seconds: float, kind: str) -> None:
    """Flood, then say what came of it. Runs on what nobody else wants of the processors: the cost under measurement is that of
    being flooded, and who floods has other machines.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    flood = Flood(port, KINDS[kind])
    print("ready", flush=True)
    flood.run(rate, seconds)
    print(json.dumps(flood.codes), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
