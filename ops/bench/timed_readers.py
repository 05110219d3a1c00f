"""Readers that note how old each message is when it comes: the time at which it was made stands inside it."""

import re
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ops.bench.connecting import Greeting, connected

_AT = re.compile(rb'"at":(\d{19}),')


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one measurement, in milliseconds; `messages` is how many were timed."""

    p50: float
    p99: float
    most: float
    messages: int


def percentiles(ages: Sequence[int]) -> Percentiles:
    """Of ages in ns. Raises `RuntimeError` when there are none."""
    if not ages:
        raise RuntimeError("no message came")
    ordered = sorted(ages)
    at = (len(ordered) // 2, len(ordered) * 99 // 100, -1)
    p50, p99, most = (ordered[index] / 1e6 for index in at)
    return Percentiles(p50, p99, most, len(ordered))


class TimedReaders:
    """`count` connections to one port, read by one thread; a message's age is taken when the read that ends it returns."""

    def __init__(self, port: int, count: int, greet: Greeting) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(count):
            opened = connected(port)
            greet(opened)
            opened.settimeout(0)
            self._sockets[opened.fileno()] = opened
            self._poll.register(opened.fileno(), select.EPOLLIN)
        self._rest = dict.fromkeys(self._sockets, b"")

    def read(self, seconds: float) -> list[int]:
        """The ages, in ns, of all messages that come within `seconds`."""
        ages: list[int] = []
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in self._poll.poll(left):
                received = self._sockets[descriptor].recv(1 << 18)
                now = time.time_ns()
                if not received:
                    raise ConnectionError("the server closed a connection")
                found, self._rest[descriptor] = ages_of(self._rest[descriptor] + received, now)
                ages += found
        return ages

    def close(self) -> None:
        """Close every connection."""
        for opened in self._sockets.values():
            opened.close()
        self._poll.close()


def ages_of(received: bytes, now: int) -> tuple[list[int], bytes]:
    """How old (ns) each message was at `now`, and what may be the beginning of the next one."""
    ages: list[int] = []
    end = 0
    for match in _AT.finditer(received):
        ages.append(now - int(match[1]))
        end = match.end()
    return ages, received[max(end, len(received) - 32) :]
