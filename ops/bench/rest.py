"""REST: CPU microseconds per answered request of a signed, rate-limited `GET /v1/quotes`, beside routes that check nothing.

Ours is the whole local profile with its feed off (signature, window, limits, envelope, one symbol from the hub's last
frame); the others return the same bytes to anyone. One process sends over `CONNECTIONS` kept connections.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from ops.bench.contender import free_port, python, running
from ops.bench.cpu import cpu_seconds
from ops.bench.http_load import HttpLoad
from ops.bench.report import Cell, Report
from ops.cli.client import Credentials, signed_headers

TARGET = "/v1/quotes?symbols=BTCUSDT.BINANCE"
CONNECTIONS = 8
SECONDS = 4.0
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process, its port and how a request to it is made."""

    pid: int
    port: int
    request: Callable[[], bytes]


def benchmark() -> Iterable[Report]:
    """One table."""
    with _ours() as ours, tempfile.TemporaryDirectory() as folder:
        body = Path(folder) / "body.json"
        body.write_bytes(httpx.get(f"http://127.0.0.1:{ours.port}{TARGET}", headers=_headers(ours)).content)
        with (
            _peer("ops.bench.peers.bare_quart", body, "ready") as bare,
            _peer("ops.bench.peers.fastapi_route", body, "Uvicorn running") as fastapi,
        ):
            servers = {"bare Quart on hypercorn": bare, "ours, signed and limited": ours, "FastAPI on uvicorn": fastapi}
            costs: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(ROUNDS):
                for name, server in servers.items():
                    costs[name].append(_cost(server))
    yield _report(costs)


def _cost(server: Server) -> float:
    load = HttpLoad(server.port, CONNECTIONS, server.request)
    try:
        load.run(0.5)
        before = cpu_seconds(server.pid)
        answered = load.run(SECONDS)
        return (cpu_seconds(server.pid) - before) * 1e6 / answered
    finally:
        load.close()


@contextmanager
def _ours() -> Iterator[Server]:
    command = python("ops.cli", "up", "--json", "--port", 0, "--ops-port", 0)
    environment = {
        "OMNIAXS_MARKET_WEIGHT_PER_MINUTE": "100000000",
        "OMNIAXS_LOG_LEVEL": "warning",
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        running(command, environment, '"demo"', folder=Path(folder)) as process,
    ):
        line = json.loads((Path(folder) / ".omniaxs" / "up.json").read_text())
        port = int(line["http"].rpartition(":")[2])
        caller = Credentials(line["http"], line["demo"]["api_key"], line["demo"]["api_secret"])
        yield Server(process.pid, port, lambda: _request(signed_headers(caller, "GET", TARGET)))


@contextmanager
def _peer(module: str, body: Path, ready: str) -> Iterator[Server]:
    port = free_port()
    with running(python(module, port, body), {}, ready) as process:
        yield Server(process.pid, port, lambda: _request({}))


def _request(headers: dict[str, str]) -> bytes:
    lines = [f"GET {TARGET} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _headers(server: Server) -> dict[str, str]:
    lines = server.request().decode().split("\r\n")[2:-2]
    return dict(line.split(": ", 1) for line in lines)


def _report(costs: dict[str, list[float]]) -> Report:
    bare = median(costs["bare Quart on hypercorn"])
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
        f"{CONNECTIONS} kept connections, {ROUNDS} rounds of {SECONDS:g} s, medians; CPU of the serving process only"
    )
    columns = ("contender", "CPU us a request", "least", "most", "this / bare Quart")
    return Report("rest-quotes", method, columns, rows)
