"""Fan-out: CPU microseconds per delivered message, the naive way, ours and two peers, in one run.

Each contender is one process that sends ~200-byte messages to `CLIENTS` subscribers; one other process reads and only
counts bytes. The CPU of the sending process is read from the kernel before and after; idle cost is inside.
"""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ops.bench.contender import Contender, free_port, python, running
from ops.bench.cpu import cpu_seconds
from ops.bench.report import Cell, Report
from ops.bench.sink import Sink, websocket_greeting
from ops.bench.tools import PeerMissing, nats_server, node_with_ws

CLIENTS = 200
PAYLOAD_BYTES = 200
WEBSOCKET_FRAME_BYTES = PAYLOAD_BYTES + 4
NATS_FRAME_BYTES = PAYLOAD_BYTES + len("MSG quotes 1 200\r\n") + 2
SECONDS = 4.0
ROUNDS = 3
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Load:
    """`burst` messages every `every` milliseconds."""

    name: str
    burst: int
    every: int


LOADS = (Load("bursts of 16", 16, 100), Load("steady", 1, 10))


def benchmark() -> Iterable[Report]:
    """One table a load; the contenders take turns in each of the rounds and their medians are compared."""
    for load in LOADS:
        makers, notes = _contenders()
        costs: dict[str, list[float]] = {name: [] for name in makers}
        rates: dict[str, list[float]] = {name: [] for name in makers}
        for _ in range(ROUNDS):
            for name, make in makers.items():
                cost, rate = measure(make, load)
                costs[name].append(cost)
                rates[name].append(rate)
        yield _report(load, costs, rates, notes)


def measure(make: Callable[[int, Load], Contender], load: Load, clients: int = CLIENTS) -> tuple[float, float]:
    """CPU microseconds per delivered message, and messages delivered a second, of one contender."""
    port = free_port()
    contender = make(port, load)
    with running(contender.command, contender.environment, contender.ready_line) as server:
        sink = Sink("127.0.0.1", port, clients, contender.greet)
        try:
            if contender.helper:
                with running(contender.helper, {}, "ready"):
                    return _measured(sink, server.pid, contender.frame_bytes)
            return _measured(sink, server.pid, contender.frame_bytes)
        finally:
            sink.close()


def _measured(sink: Sink, pid: int, frame_bytes: int) -> tuple[float, float]:
    sink.drain(1.0)
    before = cpu_seconds(pid)
    messages = sink.drain(SECONDS) / frame_bytes
    used = cpu_seconds(pid) - before
    return used * 1e6 / max(1.0, messages), messages / SECONDS


def _contenders() -> tuple[dict[str, Callable[[int, Load], Contender]], list[str]]:
    found: dict[str, Callable[[int, Load], Contender]] = {"naive Quart send": _naive, "ours": _ours}
    notes = []
    for name, make in (("node ws", _node), ("nats-server", _nats)):
        try:
            make(0, LOADS[0])
        except PeerMissing as missing:
            notes.append(f"{name} was left out: {missing}")
        else:
            found[name] = make
    return found, notes


def _plain(_port: int) -> Callable[..., bytes]:
    return websocket_greeting("127.0.0.1", "/v1/ws", tuple)


def _naive(port: int, load: Load) -> Contender:
    command = python("ops.bench.peers.naive_quart", port, load.burst, load.every, PAYLOAD_BYTES)
    return Contender("naive Quart send", command, _plain(port), WEBSOCKET_FRAME_BYTES)


def _node(port: int, load: Load) -> Contender:
    script = str(_HERE / "peers" / "ws_server.js")
    command = ["node", script, str(port), str(load.burst), str(load.every), str(PAYLOAD_BYTES)]
    return Contender("node ws", command, _plain(port), WEBSOCKET_FRAME_BYTES, environment=node_with_ws())


def _nats(port: int, load: Load) -> Contender:
    def greet(connection: socket.socket) -> bytes:
        connection.sendall(b'CONNECT {"verbose":false}\r\nSUB quotes 1\r\n')
        return b""

    command = [str(nats_server()), "-a", "127.0.0.1", "-p", str(port)]
    helper = python("ops.bench.peers.nats_publisher", port, load.burst, load.every, PAYLOAD_BYTES)
    return Contender("nats-server", command, greet, NATS_FRAME_BYTES, helper=helper, ready_line="Server is ready")


def _ours(port: int, load: Load) -> Contender:
    command = python("ops.bench.peers.ours", port, load.burst, load.every, PAYLOAD_BYTES)
    subscribe: dict[str, object] = {
        "op": "subscribe",
        "id": "2",
        "payload": {"topics": ["quotes.*"], "snapshot": False},
    }
    auth: dict[str, object] = {
        "op": "auth",
        "id": "1",
        "payload": {"api_key": "bench", "timestamp": "0", "signature": "0"},
    }
    return Contender(
        "ours", command, websocket_greeting("127.0.0.1", "/v1/ws", lambda: [auth, subscribe]), WEBSOCKET_FRAME_BYTES
    )


def _report(load: Load, costs: dict[str, list[float]], rates: dict[str, list[float]], notes: list[str]) -> Report:
    ours = median(costs["ours"])
    rows: list[dict[str, Cell]] = [
        {
            "contender": name,
            "CPU us a message": median(measured),
            "least": min(measured),
            "most": max(measured),
            "messages a second": round(median(rates[name])),
            "ours / this": ours / median(measured),
        }
        for name, measured in costs.items()
    ]
    method = (
        f"{CLIENTS} clients, {PAYLOAD_BYTES}-byte messages, {load.burst} every {load.every} ms, "
        f"{ROUNDS} rounds of {SECONDS:g} s, medians; CPU of the sending process only"
    )
    columns = ("contender", "CPU us a message", "least", "most", "messages a second", "ours / this")
    return Report(f"fan-out-{load.name.replace(' ', '-')}", method, columns, rows, notes)
