"""REST: CPU microseconds per answered request of a signed `GET /v1/quotes` and a signed `POST /v1/orders` (edge part), on
the servers that a gateway can have, beside routes that check nothing.

The read is the whole gateway: trace, signature, window, limits, envelope, one symbol from the hub's last frame. The write is
everything that a gateway itself does for an order: from the bytes that come in to the command's message, and from the record
that decides it to the bytes that go out; the store, the log and the core are dicts in memory (peers/order_road.py). The
others return the same bytes to anyone. One process sends over `CONNECTIONS` kept connections, in turn to each contender.
"""

import itertools
import json
import math
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from ops.bench.contender import process_of, python
from ops.bench.cpu import cpu_seconds
from ops.bench.http_load import HttpLoad, answer_body
from ops.bench.paired import ratio
from ops.bench.ports import free_port
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.signing import signed

CONNECTIONS: Final = 8
SLICE_SECONDS: Final = 0.25
"""Short, as a signature is good for 5 s."""
SERVERS: Final = ("uvicorn", "granian", "hypercorn")
FASTAPI: Final = "FastAPI on uvicorn"
CHECKED: Final = "FastAPI on uvicorn, shape checked by pydantic"
_ORDER: Final = {
    "symbol": "BTCUSDT.BINANCE", "side": "buy", "type": "limit", "quantity": "0.25", "price": "60000.1",
    "time_in_force": "IOC", "client_order_id": "strategy-7-000042",
}  # fmt: skip
_keys: Final = itertools.count()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the benchmark, and which of our processes answers it."""

    name: str
    method: str
    path: str
    ours: str
    query: str = ""
    body: bytes = b""

    def unsigned(self) -> bytes:
        """Its bytes for those who check nothing."""
        return self._bytes({})

    def signed(self, key_id: str, secret: str) -> bytes:
        """Its bytes with a signature of now; a write has a key that was never used."""
        key = f"bench-{next(_keys):012d}" if self.body else ""
        headers = signed(key_id, secret, self.path, self.query, method=self.method, key=key, body=self.body)
        return self._bytes({**headers, **({"Idempotency-Key": key} if key else {})})

    def _bytes(self, headers: Mapping[str, str]) -> bytes:
        target = f"{self.path}?{self.query}" if self.query else self.path
        typed = {"Content-Type": "application/json", "Content-Length": str(len(self.body))} if self.body else {}
        lines = [f"{name}: {text}" for name, text in {"Host": "127.0.0.1", **typed, **headers}.items()]
        return "\r\n".join([f"{self.method} {target} HTTP/1.1", *lines]).encode() + b"\r\n\r\n" + self.body


QUOTES: Final = Asked("GET /v1/quotes", "GET", "/v1/quotes", "ops.bench.peers.ours_rest", "symbols=BTCUSDT.BINANCE")
ORDERS: Final = Asked(
    "POST /v1/orders", "POST", "/v1/orders", "ops.bench.peers.ours_orders", body=json.dumps(_ORDER).encode()
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process, its port and how a request to it is made."""

    pid: int
    port: int
    request: Callable[[], bytes]


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table."""
    with _contenders(SERVERS if scale.peers else SERVERS[:1]) as contenders:
        costs: dict[tuple[str, str], list[float]] = {name: [] for name in contenders}
        for _ in range(scale.rounds):
            for name, server in contenders.items():
                costs[name].append(_cost(server, scale))
    yield _report(costs, scale)


@contextmanager
def _contenders(servers: Sequence[str]) -> Iterator[dict[tuple[str, str], Server]]:
    """By request and name; ours on each of `servers`."""
    asked = (QUOTES, ORDERS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = {
            (each.name, f"ours on {server}, signed and limited"): stack.enter_context(_ours(each, server))
            for each in asked
            for server in servers
        }
        files = []
        for each in asked:
            one = ours[each.name, f"ours on {servers[0]}, signed and limited"]
            files.append(folder / f"{each.method}.json")
            files[-1].write_bytes(answer_body(one.port, one.request()))
        peers = {
            name: stack.enter_context(_peer(module, server, ready, files))
            for name, module, server, ready in (
                ("bare Quart on hypercorn", "bare_quart", "hypercorn", "ready"),
                ("bare Quart on granian", "bare_quart", "granian", "ready"),
                (FASTAPI, "fastapi_route", "uvicorn", "Uvicorn running"),
            )
        }
        others = {
            (each.name, name): Server(pid, port, each.unsigned) for each in asked for name, (pid, port) in peers.items()
        }
        pid, port = peers[FASTAPI]
        others[ORDERS.name, CHECKED] = Server(pid, port, replace(ORDERS, path="/v1/checked-orders").unsigned)
        yield {name: {**others, **ours}[name] for name in sorted({**others, **ours})}


def _cost(server: Server, scale: Scale) -> float:
    """Microseconds of CPU a request. Requests are made ahead, a slice at a time: signing would thin out the load of ours alone,
    and a server that is woken for each request pays for that too.
    """
    ahead: deque[bytes] = deque()
    load = HttpLoad(server.port, CONNECTIONS, lambda: ahead.popleft() if ahead else server.request())
    used, answered = 0.0, 0
    try:
        wanted = math.ceil(4 * load.run(scale.warm_up / 2) * SLICE_SECONDS / scale.warm_up)
        for _ in range(math.ceil(scale.seconds / SLICE_SECONDS)):
            ahead.extend(server.request() for _ in range(wanted - len(ahead)))
            before = cpu_seconds(server.pid)
            came = load.run(min(SLICE_SECONDS, scale.seconds))
            used, answered = used + cpu_seconds(server.pid) - before, answered + came
            wanted = max(wanted, 2 * came)
            ahead.clear()
        return used * 1e6 / answered
    finally:
        load.close()


@contextmanager
def _ours(asked: Asked, server: str) -> Iterator[Server]:
    port = free_port()
    with process_of(python(asked.ours, port, server), "api_secret") as (process, line):
        key = json.loads(line)
        yield Server(process.pid, port, lambda: asked.signed(key["api_key"], key["api_secret"]))


@contextmanager
def _peer(module: str, server: str, ready: str, files: Iterable[Path]) -> Iterator[tuple[int, int]]:
    port = free_port()
    with process_of(python(f"ops.bench.peers.{module}", port, server, *files), ready) as (process, _):
        yield process.pid, port


def _report(costs: Mapping[tuple[str, str], list[float]], scale: Scale) -> Report:
    rows: list[dict[str, Cell]] = [
        {
            "request": asked,
            "contender": name,
            "CPU us a request": median(measured),
            "least": min(measured),
            "most": max(measured),
            "this / FastAPI": ratio(measured, costs[asked, FASTAPI]),
        }
        for (asked, name), measured in costs.items()
    ]
    method = (
        f"{CONNECTIONS} kept connections; medians of {scale.rounds} rounds of {scale.seconds:g} s, contenders in turn; CPU "
        "of the serving process, all threads. Ours: signed requests. The others: the same answer to unsigned ones, a body "
        "read and not looked at; the collector of every Python process is set as a gateway sets it (`freeze_what_stands`). POST is the "
        "edge part: store, log and core are dicts in memory"
    )
    return Report("rest", method, tuple(rows[0]), rows)
