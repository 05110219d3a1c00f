"""A load of signed orders at a fixed rate over kept connections, and subscribers that see when each order is told of.

One thread sends, reads answers and reads frames, so all times are of one clock. Orders are timed from the moment at which
they were due: a server that stalls makes later ones wait for a connection, and a clock that began with the sending would
leave that out (coordinated omission). What signing takes is in it too.
"""

import json
import re
import secrets
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ops.bench.connecting import connected
from ops.bench.fanout_contenders import PATH, subscribing
from ops.bench.signing import signed
from ops.bench.websocket import PING, PONG

ORDERS_PATH = "/v1/orders"
SYMBOL = "BTCUSDT.BINANCE"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CODE = re.compile(rb'"code": ?"([a-z_.]+)"')
_CLIENT_ID = re.compile(rb'"client_order_id":"(bench-[0-9a-f]+-\d+)"')
CONNECTIONS: Final = 64
_PATIENCE_SECONDS = 5.0
_TURN_SECONDS = 0.05
_POLL_SECONDS = 0.001
"""What epoll counts in, rounded up."""


@dataclass(frozen=True, slots=True)
class Trader:
    """An account with a key that may trade."""

    account_id: str
    tenant_id: str
    key_id: str
    secret: str


@dataclass(slots=True)
class Placed:
    """One order: when it was due, sent, answered and first told of (ns, 0: not yet), `ok` or the code of its refusal, and when
    its run ended.
    """

    due: int
    sent: int = 0
    answered: int = 0
    told: int = 0
    code: str = ""
    ended: int = 0

    @property
    def answer_time(self) -> int:
        """Ns from the moment it was due to the whole answer; without one to the end of the run, which is the least that it took."""
        return (self.answered or self.ended) - self.due

    @property
    def frame_time(self) -> int | None:
        """The same to the first frame; None of a refused one, of which nobody is told."""
        if self.answered and self.code != "ok":
            return None
        return (self.told or self.ended) - self.due


@dataclass(slots=True)
class _Line:
    """A kept connection and the order for whose answer it waits."""

    socket: socket.socket
    order: Placed | None = None
    received: bytes = b""


@dataclass(slots=True)
class OrderLoad:
    """Connections to the server on `port`; with `listen` a subscriber of `orders.*` for each trader.

    Orders are IOC limits at `price`, meant to be away from the market: accepted, then canceled by the venue, so that
    nothing piles up.
    """

    port: int
    traders: Sequence[Trader]
    price: str
    listen: bool = True
    connections: int = CONNECTIONS
    strategy_id: str | None = None
    _run: str = field(default_factory=lambda: f"bench-{secrets.token_hex(4)}")
    _placed: dict[bytes, Placed] = field(default_factory=dict)
    _lines: dict[int, _Line] = field(default_factory=dict)
    _idle: deque[int] = field(default_factory=deque)
    _subscribers: dict[int, tuple[socket.socket, bytes]] = field(default_factory=dict)
    _poll: select.epoll = field(default_factory=select.epoll)
    _open: int = 0

    def __post_init__(self) -> None:
        for _ in range(self.connections):
            self._connect()
        for trader in self.traders if self.listen else ():
            opened = subscriber(self.port, trader)
            self._subscribers[opened.fileno()] = (opened, b"")
            self._poll.register(opened.fileno(), select.EPOLLIN)

    def run(self, rate: float, seconds: float) -> list[Placed]:
        """`rate` orders a second come due for `seconds`, whatever becomes of the others; each is sent at once, or as soon as a
        connection is idle. Then wait a while for what they bring.
        """
        self._look(0)  # connections that ended since the last run are opened again
        start = time.perf_counter_ns()
        placed = [Placed(start + round(number * 1e9 / rate)) for number in range(round(rate * seconds))]
        until = start + round((seconds + _PATIENCE_SECONDS) * 1e9)
        waiting = deque(placed)
        self._open = len(placed)
        while self._open and (now := time.perf_counter_ns()) < until:
            due = waiting[0].due if waiting and self._idle else until
            if due <= now:
                self._send(waiting.popleft())
            self._look(due - now)
        self._give_up(placed)
        return placed

    def listen_up(self) -> None:
        """Take what has come: between two runs no more than ten seconds, the time that a ping may go unanswered."""
        self._look(0)

    def close(self) -> None:
        """Close every connection."""
        for opened in (
            *(line.socket for line in self._lines.values()),
            *(one for one, _ in self._subscribers.values()),
        ):
            opened.close()
        self._poll.close()

    def _look(self, nanoseconds: int) -> None:
        """Take what comes, for at most that long; the last millisecond is spent looking again, or orders would be late by it."""
        seconds = max(0.0, min(nanoseconds / 1e9 - _POLL_SECONDS, _TURN_SECONDS))
        for descriptor, _ in self._poll.poll(seconds):
            self._take(descriptor)

    def _give_up(self, placed: Sequence[Placed]) -> None:
        """End the run. Connections on which an answer is still awaited are left, as their answers are of no later run."""
        ended = time.perf_counter_ns()
        for order in placed:
            order.ended = ended
        for descriptor in [descriptor for descriptor, line in self._lines.items() if line.order is not None]:
            self._again(descriptor)
        self._placed.clear()

    def _send(self, placed: Placed) -> None:
        line = self._lines[self._idle.popleft()]
        name = f"{self._run}-{time.monotonic_ns()}"
        more = {} if self.strategy_id is None else {"strategy_id": self.strategy_id}
        trader = self.traders[(len(self._placed) + 1) % len(self.traders)]
        request = order_request(trader, name, self.price, **more)
        line.order = self._placed[name.encode()] = placed
        line.received = b""
        placed.sent = time.perf_counter_ns()
        line.socket.sendall(request)

    def _take(self, descriptor: int) -> None:
        if descriptor in self._subscribers:
            self._take_frames(descriptor)
            return
        line = self._lines[descriptor]
        try:
            line.received += received_from(line.socket)
        except ConnectionError:
            if line.order is not None:
                raise
            self._again(descriptor)  # it rested for longer than its server keeps it
            return
        now = time.perf_counter_ns()
        code = answer_code(line.received)
        if code is None or line.order is None:
            return
        line.order.answered, line.order.code = now, code
        if line.order.told or code != "ok" or not self._subscribers:
            self._open -= 1
        line.order = None
        if b"connection: close" in line.received[:1_000].lower():
            self._again(descriptor)
        else:
            self._idle.append(descriptor)

    def _take_frames(self, descriptor: int) -> None:
        opened, rest = self._subscribers[descriptor]
        came = received_from(opened)
        now = time.perf_counter_ns()
        if PING in came:  # nothing else has these two bytes: all texts are ASCII
            opened.sendall(PONG)
        received = rest + came
        end = 0
        for match in _CLIENT_ID.finditer(received):
            end = match.end()
            placed = self._placed.get(match[1])
            if placed is not None and not placed.told:
                placed.told = now
                self._open -= placed.code == "ok"
        self._subscribers[descriptor] = (opened, received[max(end, len(received) - 100) :])

    def _again(self, descriptor: int) -> None:
        """A new connection in the place of one that its server ends, or that is given up."""
        if descriptor in self._idle:
            self._idle.remove(descriptor)
        self._poll.unregister(descriptor)
        self._lines.pop(descriptor).socket.close()
        self._connect()

    def _connect(self) -> None:
        opened = connected(self.port)
        self._lines[opened.fileno()] = _Line(opened)
        self._poll.register(opened.fileno(), select.EPOLLIN)
        self._idle.append(opened.fileno())


def achieved_rate(placed: Sequence[Placed]) -> float | None:
    """Orders a second as they were sent, beside what was wanted; None of fewer than two."""
    sent = [one.sent for one in placed if one.sent]
    return (len(sent) - 1) * 1e9 / (max(sent) - placed[0].due) if len(sent) > 1 else None


def unanswered(placed: Sequence[Placed]) -> int:
    """How many orders had no answer when the run ended."""
    return sum(not one.answered for one in placed)


def order_request(trader: Trader, name: str, price: str, **more: str) -> bytes:
    """`POST /v1/orders` of one IOC limit, signed now; `name` is its key and its client order id."""
    order = {
        "symbol": SYMBOL, "side": "buy", "type": "limit", "time_in_force": "IOC", "quantity": "0.001", "price": price,
        "client_order_id": name, **more,
    }  # fmt: skip
    body = json.dumps(order).encode()
    headers = signed(trader.key_id, trader.secret, ORDERS_PATH, method="POST", key=name, body=body)
    lines = [
        f"POST {ORDERS_PATH} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {name}",
        *(f"{header}: {text}" for header, text in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer_code(received: bytes) -> str | None:
    """`ok`, or the code of a refusal; None as long as some of the answer is missing."""
    head, separator, body = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if not separator or length is None or len(body) < int(length[1]):
        return None
    if head.startswith(b"HTTP/1.1 200"):
        return "ok"
    code = _CODE.search(body)
    return code[1].decode() if code else head[9:12].decode()


def subscriber(port: int, trader: Trader) -> socket.socket:
    """A WebSocket of the trader's with `orders.*`."""
    headers = signed(trader.key_id, trader.secret, PATH)
    names = {"api_key": "X-PM-API-KEY", "timestamp": "X-PM-TIMESTAMP", "signature": "X-PM-SIGNATURE"}
    opened = connected(port)
    subscribing({name: headers[header] for name, header in names.items()}, "orders.*")(opened)
    return opened


def received_from(opened: socket.socket) -> bytes:
    """What has come. Raises `ConnectionError` at the end."""
    received = opened.recv(1 << 18)
    if not received:
        raise ConnectionError("the server closed a connection")
    return received
