"""Memory per idle WebSocket: ours, authenticated and subscribed, beside hypercorn and Quart with a route that only reads."""

from collections.abc import Iterable, Mapping
from statistics import median

from ops.bench.contender import Contender, Make, python, started
from ops.bench.cpu import resident_bytes
from ops.bench.fanout_contenders import contenders, plain
from ops.bench.paired import ratio
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.sink import Sink

FIRST = 50
BARE = "bare Quart on hypercorn"


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table."""
    found, notes = contenders(peers=scale.peers, nats=False)
    makers: dict[str, Make] = {BARE: bare_quart, **found}
    measured: dict[str, list[float]] = {name: [] for name in makers}
    for _ in range(rounds(scale)):
        for name, make in makers.items():
            measured[name].append(measure(make, scale))
    yield _report(measured, scale, notes)


def rounds(scale: Scale) -> int:
    """One less than others take: memory has next to no noise."""
    return max(1, scale.rounds - 1)


def measure(make: Make, scale: Scale) -> float:
    """KiB of resident memory per connection of one contender."""
    with started(make) as server:
        sink = Sink(server.port, server.greet)
        try:
            sink.open(FIRST)
            sink.drain(scale.warm_up / 2)
            before = resident_bytes(server.pid)
            sink.open(FIRST + scale.connections)
            sink.drain(scale.warm_up)
            return (resident_bytes(server.pid) - before) / scale.connections / 1024
        finally:
            sink.close()


def bare_quart(port: int, _size: int) -> Contender:
    """A route that accepts and reads."""
    return Contender(python("ops.bench.peers.idle_quart", port), plain, frame_bytes=0)


def _report(measured: Mapping[str, list[float]], scale: Scale, notes: list[str]) -> Report:
    rows: list[dict[str, Cell]] = [
        {
            "contender": name,
            "KiB a connection": median(found),
            "least": min(found),
            "most": max(found),
            "this / bare Quart": ratio(found, measured[BARE]),
        }
        for name, found in measured.items()
    ]
    method = (
        f"{scale.connections} idle connections opened after the first {FIRST}; growth of resident memory, medians of "
        f"{rounds(scale)} rounds; ours is authenticated and subscribed to trades.*; the collector of every Python process is set as a "
        "gateway sets it (`freeze_what_stands`)"
    )
    return Report(
        "idle-connections", method, ("contender", "KiB a connection", "least", "most", "this / bare Quart"), rows, notes
    )
