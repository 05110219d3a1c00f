"""Thousands of WebSocket clients in one process: each authenticates, subscribes, answers pings and counts what it gets."""

import json
import select
import socket
import time
from collections import Counter
from collections.abc import Callable

from ops.bench.connecting import connected
from ops.bench.fanout_contenders import PATH
from ops.bench.signing import signed
from ops.bench.websocket import masked_text

HANDSHAKE = (
    f"GET {PATH} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
).encode()
PONG = b"\x8a\x80\x00\x00\x00\x00"
_PING, _CLOSE = 0x9, 0x8
_NAMES = {"api_key": "X-PM-API-KEY", "timestamp": "X-PM-TIMESTAMP", "signature": "X-PM-SIGNATURE"}


class Crowd:
    """Clients of one server, all with one API key. `closed` counts close codes (0: the connection just ended)."""

    def __init__(self, port: int, key_id: str, secret: str) -> None:
        self._port, self._key_id, self._secret = port, key_id, secret
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._rest: dict[int, bytes] = {}
        self.messages: Counter[int] = Counter()
        self.pings = 0
        self.closed: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._sockets)

    def join(self, *topics: str) -> None:
        """One more client, authenticated and subscribed. Raises `ConnectionError` when it is refused."""
        headers = signed(self._key_id, self._secret, PATH)
        auth = {"op": "auth", "id": "1", "payload": {name: headers[header] for name, header in _NAMES.items()}}
        topics_wanted = {"op": "subscribe", "id": "2", "payload": {"topics": list(topics), "snapshot": False}}
        opened = connected(self._port)
        opened.sendall(HANDSHAKE)
        head, _, rest = _until(opened, b"", lambda data: b"\r\n\r\n" in data).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(head.decode())
        for asked in (auth, topics_wanted):
            opened.sendall(masked_text(json.dumps(asked).encode()))
            rest = _until(opened, rest, lambda data: frame_at(data, 0) is not None)
            answer = frame_at(rest, 0)
            if answer is None or b'"ok":true' not in answer[1]:
                raise ConnectionError(rest.decode(errors="replace"))
            rest = rest[answer[2] :]
        opened.settimeout(0)
        self._sockets[opened.fileno()], self._rest[opened.fileno()] = opened, rest
        self._poll.register(opened.fileno(), select.EPOLLIN)

    def attend(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Read and answer pings for `seconds`, or until it is enough."""
        end = time.monotonic() + seconds
        while True:
            for descriptor, _ in self._poll.poll(max(0.0, min(0.2, end - time.monotonic()))):
                self._take(descriptor)
            if time.monotonic() >= end or until():
                return

    def leave(self) -> None:
        """All at once, without a word."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()
        self._poll.close()

    def _take(self, descriptor: int) -> None:
        try:
            more = self._sockets[descriptor].recv(1 << 16)
        except OSError:
            more = b""
        if not more:
            self._end(descriptor, 0)
            return
        data, at = self._rest[descriptor] + more, 0
        while (frame := frame_at(data, at)) is not None:
            opcode, payload, at = frame
            if opcode == _PING:
                self.pings += 1
                self._sockets[descriptor].send(PONG)
            elif opcode == _CLOSE:
                self._end(descriptor, int.from_bytes(payload[:2], "big"))
                return
            else:
                self.messages[descriptor] += 1
        self._rest[descriptor] = data[at:]

    def _end(self, descriptor: int, code: int) -> None:
        self.closed[code] += 1
        self._poll.unregister(descriptor)
        self._sockets.pop(descriptor).close()


def _until(opened: socket.socket, received: bytes, enough: Callable[[bytes], bool]) -> bytes:
    """Everything that came until it is enough."""
    while not enough(received):
        more = opened.recv(1 << 16)
        if not more:
            raise ConnectionError(received.decode(errors="replace"))
        received += more
    return received


def frame_at(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """The whole frame that begins at `at`: opcode, payload, where the next begins; None as long as some is missing."""
    if len(data) < at + 2:
        return None
    size, start = data[at + 1] & 0x7F, at + 2
    if size > 125:
        width = 2 if size == 126 else 8
        size, start = int.from_bytes(data[start : start + width], "big"), start + width
    end = start + size
    return None if len(data) < end else (data[at] & 0xF, data[start:end], end)
