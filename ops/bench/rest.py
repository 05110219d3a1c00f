"""REST: CPU microseconds per answered request of a signed, rate-limited `GET /v1/quotes`, beside routes that check nothing.

Ours is the whole gateway (trace, signature, window, limits, envelope, one symbol from the hub's last frame); the others
return the same bytes to anyone. One process sends over `CONNECTIONS` kept connections.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ops.bench.contender import free_port, process_of, python
from ops.bench.cpu import cpu_seconds
from ops.bench.http_load import HttpLoad, answer_body
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.signing import signed

PATH = "/v1/quotes"
QUERY = "symbols=BTCUSDT.BINANCE"
CONNECTIONS = 8
OURS, BARE, FASTAPI = "ours, signed and limited", "bare Quart on hypercorn", "FastAPI on uvicorn"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process, its port and how a request to it is made."""

    pid: int
    port: int
    request: Callable[[], bytes]


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table."""
    with _ours() as ours, tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body.json"
        body.write_bytes(answer_body(ours.port, ours.request()))
        with (
            _peer("ops.bench.peers.bare_quart", body, "ready") as bare,
            _peer("ops.bench.peers.fastapi_route", body, "Uvicorn running") as fastapi,
        ):
            servers = {BARE: bare, OURS: ours, FASTAPI: fastapi}
            costs: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(scale.rounds):
                for name, server in servers.items():
                    costs[name].append(_cost(server, scale))
    yield _report(costs, scale)


def _cost(server: Server, scale: Scale) -> float:
    load = HttpLoad(server.port, CONNECTIONS, server.request)
    try:
        load.run(scale.warm_up / 2)
        before = cpu_seconds(server.pid)
        answered = load.run(scale.seconds)
        return (cpu_seconds(server.pid) - before) * 1e6 / answered
    finally:
        load.close()


@contextmanager
def _ours() -> Iterator[Server]:
    port = free_port()
    with process_of(python("ops.bench.peers.ours_rest", port), "api_secret") as (process, line):
        key = json.loads(line)
        yield Server(process.pid, port, lambda: _request(signed(key["api_key"], key["api_secret"], PATH, QUERY)))


@contextmanager
def _peer(module: str, body: Path, ready: str) -> Iterator[Server]:
    port = free_port()
    with process_of(python(module, port, body), ready) as (process, _):
        yield Server(process.pid, port, lambda: _request({}))


def _request(headers: Mapping[str, str]) -> bytes:
    lines = [f"GET {PATH}?{QUERY} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _report(costs: Mapping[str, list[float]], scale: Scale) -> Report:
    bare = median(costs[BARE])
    rows: list[dict[str, Cell]] = [
        {
            "contender": name,
            "CPU us a request": median(measured),
            "least": min(measured),
            "most": max(measured),
            "this / bare Quart": median(measured) / bare,
        }
        for name, measured in costs.items()
    ]
    method = (
        f"GET {PATH}?{QUERY} over {CONNECTIONS} kept connections; medians of {scale.rounds} rounds of {scale.seconds:g} s; "
        "CPU of the serving process only"
    )
    columns = ("contender", "CPU us a request", "least", "most", "this / bare Quart")
    return Report("rest-quotes", method, columns, rows)
