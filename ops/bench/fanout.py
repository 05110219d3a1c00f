"""Fan-out: CPU microseconds per delivered message, the naive way, ours and two peers, in one run.

Each contender is one process that sends ~200-byte messages to a number of subscribers; one other process reads and
only counts bytes. The CPU of the sending process is read from the kernel before and after; idle cost is inside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median

from ops.bench.contender import Load, Make, started
from ops.bench.cpu import cpu_seconds
from ops.bench.fanout_contenders import OURS, contenders
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.sink import Sink

LOADS = {"bursts-of-16": Load(16, 100), "steady": Load(1, 10)}
FULL_RATE_CLIENTS = 200  # with more of them messages come more seldom, so that every contender can keep up


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds a delivered message, and messages delivered a second."""

    microseconds: float
    rate: float


def benchmark(scale: Scale) -> Iterable[Report]:
    """A table for each load and number of clients; the contenders take turns in each round (one round beyond the first
    number of clients).
    """
    found, notes = contenders(peers=scale.peers)
    for clients in scale.clients:
        for name, wanted in LOADS.items():
            load = replace(wanted, every=wanted.every * max(1, clients // FULL_RATE_CLIENTS))
            rounds = scale.rounds if clients == scale.clients[0] else 1
            costs: dict[str, list[Cost]] = {contender: [] for contender in found}
            for _ in range(rounds):
                for contender, make in found.items():
                    costs[contender].append(measure(make, load, clients, scale))
            method = (
                f"{clients} clients, {load.size}-byte messages, {load.burst} every {load.every} ms; medians of "
                f"{rounds} round(s) of {scale.seconds:g} s; CPU of the sending process only"
            )
            yield _report(f"fan-out-{name}-{clients}-clients", method, costs, notes)


def measure(make: Make, load: Load, clients: int, scale: Scale) -> Cost:
    """One contender, started for this measurement alone."""
    frame_bytes = make(0, load).frame_bytes
    with started(make, load) as server:
        sink = Sink(server.port, clients, server.greet)
        try:
            sink.drain(scale.warm_up)
            before = cpu_seconds(server.pid)
            messages = sink.drain(scale.seconds) / frame_bytes
            used = cpu_seconds(server.pid) - before
            return Cost(used * 1e6 / max(1.0, messages), messages / scale.seconds)
        finally:
            sink.close()


def _report(name: str, method: str, costs: Mapping[str, list[Cost]], notes: list[str]) -> Report:
    ours = median(cost.microseconds for cost in costs[OURS])
    rows = [_row(contender, measured, ours) for contender, measured in costs.items()]
    columns = ("contender", "CPU us a message", "least", "most", "messages a second", "ours / this")
    return Report(name, method, columns, rows, notes)


def _row(contender: str, measured: list[Cost], ours: float) -> dict[str, Cell]:
    costs = [cost.microseconds for cost in measured]
    return {
        "contender": contender,
        "CPU us a message": median(costs),
        "least": min(costs),
        "most": max(costs),
        "messages a second": round(median(cost.rate for cost in measured)),
        "ours / this": ours / median(costs),
    }
