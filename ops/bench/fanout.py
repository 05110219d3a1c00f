"""Fan-out: CPU microseconds per delivered message, the naive way, ours and three peers, in one run.

Each contender is one process that sends 200-byte messages to a number of subscribers; one other process reads and
only counts bytes. The CPU of the sending process is read from the kernel before and after; idle cost is inside.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from ops.bench.contender import SILENCE, SIZE, Load, Make, started
from ops.bench.cpu import cpu_seconds
from ops.bench.fanout_contenders import OURS, contenders
from ops.bench.paired import ratio
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.sink import Sink

LOADS: Final = {"steady": Load(1, 10), "bursts": Load(16, 100)}
FULL_RATE_CLIENTS: Final = 200
"""With more of them messages come more seldom, so that every contender can keep up."""
MOST_BETWEEN_BURSTS: Final = 1_000
TOGETHER: Final = 1_000
"""Up to so many clients a contender is started once a round for all counts: more are connected in between."""
_QUIET_SECONDS: Final = 0.2
_FEW_LONGER: Final = 3
"""To few clients so little is sent in a second that one compilation or collection of a contender shows in it."""
_LEAST_TURNS: Final = 6


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds a delivered message, and messages delivered a second."""

    microseconds: float
    rate: float


Case = tuple[str, int]
"""Name of a load, and how many clients."""
Costs = dict[Case, dict[str, list[Cost]]]


def benchmark(scale: Scale) -> Iterable[Report]:
    """A table for each load; the contenders take turns in each round."""
    found, notes = contenders(peers=scale.peers)
    costs: Costs = {(load, clients): {name: [] for name in found} for load in LOADS for clients in scale.clients}
    for clients, rounds in started_together(scale):
        for _ in range(rounds):
            for name, make in found.items():
                for case, cost in measure(make, clients, scale).items():
                    costs[case][name].append(cost)
    for load in LOADS:
        yield _report(load, {clients: costs[load, clients] for clients in sorted(scale.clients)}, scale, notes)


def started_together(scale: Scale) -> list[tuple[Sequence[int], int]]:
    """The counts of clients that one start of a contender is measured with, and in how many rounds. Connecting thousands
    takes longest, so these get a round less.
    """
    few = sorted(clients for clients in scale.clients if clients <= TOGETHER)
    many = [[clients] for clients in sorted(scale.clients) if clients > TOGETHER]
    return [(few, scale.rounds), *((clients, max(1, scale.rounds - 1)) for clients in many)]


def load_for(name: str, clients: int) -> Load:
    """The load of that name, at a rate that suits so many clients."""
    load = LOADS[name]
    return Load(load.burst, min(MOST_BETWEEN_BURSTS, load.every * max(1, clients // FULL_RATE_CLIENTS)))


def window(load: Load, clients: int, scale: Scale) -> float:
    """Seconds that so many clients are measured under the load."""
    longer = _FEW_LONGER if clients <= FULL_RATE_CLIENTS else 1
    return max(longer * scale.seconds, _LEAST_TURNS * load.every / 1000)


def measure(make: Make, counts: Sequence[int], scale: Scale) -> dict[Case, Cost]:
    """One contender, started for this round alone, under each load with more and more clients."""
    frame_bytes, costs = make(0, SIZE).frame_bytes, {}
    with started(make) as server:
        sink = Sink(server.port, server.greet)
        try:
            for clients in counts:
                sink.open(clients)
                for name in LOADS:
                    load = load_for(name, clients)
                    seconds = window(load, clients, scale)
                    server.send(load)
                    sink.drain(scale.warm_up / 2)
                    before = cpu_seconds(server.pid)
                    messages = sink.drain(seconds) / frame_bytes
                    used = cpu_seconds(server.pid) - before
                    costs[name, clients] = Cost(used * 1e6 / max(1.0, messages), messages / seconds)
                    server.send(SILENCE)
                    sink.drain(_QUIET_SECONDS)
        finally:
            sink.close()
    return costs


def _report(load: str, by_clients: Mapping[int, Mapping[str, list[Cost]]], scale: Scale, notes: list[str]) -> Report:
    rows = [
        _row(clients, contender, measured, costs[OURS])
        for clients, costs in by_clients.items()
        for contender, measured in costs.items()
    ]
    loads = {clients: load_for(load, clients) for clients in by_clients}
    sent = ", ".join(f"{one.burst} every {one.every} ms to {clients:,}" for clients, one in loads.items())
    method = (
        f"{SIZE}-byte messages, {sent} clients that one process reads; medians of {scale.rounds} rounds (of more than "
        f"{TOGETHER:,} clients {max(1, scale.rounds - 1)}) of {scale.seconds:g} s, "
        f"{_FEW_LONGER} times that to {FULL_RATE_CLIENTS} clients or fewer, and {_LEAST_TURNS} turns at least; CPU of the sending process only; "
        "the collector of every Python one is set as a gateway sets it (`freeze_what_stands`)"
    )
    columns = ("clients", "contender", "CPU us a message", "least", "most", "messages a second", "ours / this")
    return Report(f"fan-out-{load}", method, columns, rows, notes, keys=2)


def _row(clients: int, contender: str, measured: list[Cost], ours: list[Cost]) -> dict[str, Cell]:
    costs = [cost.microseconds for cost in measured]
    return {
        "clients": clients,
        "contender": contender,
        "CPU us a message": median(costs),
        "least": min(costs),
        "most": max(costs),
        "messages a second": round(median(cost.rate for cost in measured)),
        "ours / this": ratio([cost.microseconds for cost in ours], costs),
    }
