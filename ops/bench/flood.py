"""Signed orders while a flood of requests that must be refused comes in: what traders notice of it, and what a refusal costs.

Traders, flood and server are processes of their own on the same machine. Quiet and flooded rounds take turns, so that
what else the machine does falls on both; two rounds of each turn are quiet, and how far their percentiles are apart is what
the measurement cannot tell. The flood runs on what the others leave (`flooder.main`): whoever floods has machines of his own.
"""

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from ops.bench.bars import services_of
from ops.bench.contender import python
from ops.bench.cpu import cpu_seconds
from ops.bench.order_load import CONNECTIONS, OrderLoad, achieved_rate, unanswered
from ops.bench.peers.flooder import KINDS
from ops.bench.report import Cell, Report
from ops.bench.roads import AS_USUAL, REST_ALONE, Road, cluster_road, local_road
from ops.bench.scale import Scale

RATE: Final = 500
"""Requests a second; a refusal costs about a fifth of a millisecond, so this is a tenth of a core."""
RATE_OF_LARGE: Final = 100
"""Of 64 KiB each: 6.5 MB a second."""
RATE_THAT_FILLS: Final = 3_000
"""About what one listener can refuse: six tenths of its core, and the feed and the orders want the rest of it."""
LOCAL, CLUSTER = "ours, omniaxs up", "ours, Kafka and Mongo"
ORDERS: Final = {LOCAL: 50, CLUSTER: 20}
LISTENERS: Final[Mapping[str, Mapping[str, str]]] = {"hypercorn": AS_USUAL, "uvicorn for REST": REST_ALONE}
_ROUNDS_LONGER: Final = 4
"""A p99 wants many orders a round; all rounds of both profiles with both listeners are to be over in ten minutes."""
_SETTLE_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Flood:
    """Requests of one kind at one rate; 0 a second: the quiet rounds."""

    name: str
    kind: str
    rate: int


QUIET: Final = Flood("none", "", 0)
QUIET_AGAIN: Final = Flood("none, again", "", 0)
UNSIGNED: Final = "unsigned orders"
FLOODS: Final = (
    *(Flood(kind, kind, RATE_OF_LARGE if "64 KiB" in kind else RATE) for kind in KINDS),
    Flood(f"{UNSIGNED}, {RATE_THAT_FILLS:,} a second", UNSIGNED, RATE_THAT_FILLS),
)


@dataclass(slots=True)
class Rounds:
    """What was measured under one kind of flood: the answer times of all orders in ns, the others a figure a round."""

    times: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    achieved: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    unanswered: int = 0
    not_accepted: int = 0


def benchmark(
    scale: Scale, floods: Sequence[Flood] = FLOODS, listeners: Sequence[str] = tuple(LISTENERS)
) -> Iterable[Report]:
    """One table: the local profile, and the cluster profile where there are services; each with all `listeners`."""
    rows: list[dict[str, Cell]] = []
    services = services_of(os.environ)
    for listener in listeners:
        settings = LISTENERS[listener]
        with local_road(settings) as road:
            rows += _rows(f"{LOCAL}, {listener}", measure(road, scale, ORDERS[LOCAL], floods))
        if services is not None:
            with cluster_road(services, settings) as road:
                rows += _rows(f"{CLUSTER}, {listener}", measure(road, scale, ORDERS[CLUSTER], floods))
    yield _report(rows, scale)


def measure(road: Road, scale: Scale, rate: float, floods: Sequence[Flood] = FLOODS) -> dict[Flood, Rounds]:
    """Rounds of `rate` orders a second by flood, the quiet ones among them."""
    found = {flood: Rounds() for flood in (QUIET, *floods, QUIET_AGAIN)}
    load = OrderLoad(road.port, road.traders, road.price(), listen=False)
    try:
        load.run(rate, scale.warm_up)
        for _ in range(scale.rounds):
            for flood, rounds in found.items():
                _round(road, load, flood, rounds, rate=rate, seconds=scale.seconds * _ROUNDS_LONGER)
    finally:
        load.close()
    return found


def _round(road: Road, load: OrderLoad, flood: Flood, rounds: Rounds, *, rate: float, seconds: float) -> None:
    time.sleep(_SETTLE_SECONDS)
    pid = next(iter(road.processes.values()))
    with _flooding(road.port, flood, seconds) as refused:
        before, began = cpu_seconds(pid), time.monotonic()
        placed = load.run(rate, seconds)
        rounds.cpu.append(cpu_seconds(pid) - before)
        rounds.seconds.append(time.monotonic() - began)
    rounds.refused += refused
    rounds.times += [one.answer_time for one in placed]
    rounds.achieved.append(achieved_rate(placed) or 0.0)
    rounds.orders += len(placed)
    rounds.unanswered += unanswered(placed)
    rounds.not_accepted += sum(one.code != "ok" for one in placed)


@contextmanager
def _flooding(port: int, flood: Flood, seconds: float) -> Iterator[Counter[str]]:
    """A flood beside the block (none at 0 a second); what came of it is in the counter once the block has ended."""
    codes: Counter[str] = Counter()
    if not flood.rate:
        yield codes
        return
    command = python("ops.bench.peers.flooder", port, flood.rate, seconds, flood.kind)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the flood of {flood.name} did not begin")
        yield codes
        said, _ = process.communicate(timeout=60)
        codes.update(json.loads(said))
    finally:
        process.kill()
        process.wait()


def _rows(contender: str, found: Mapping[Flood, Rounds]) -> Iterator[dict[str, Cell]]:
    quiet = found[QUIET]
    idle = sum(quiet.cpu) / sum(quiet.seconds)
    for flood, rounds in found.items():
        refusals = sum(rounds.refused.values())
        flood_cpu = sum(rounds.cpu) - idle * sum(rounds.seconds)
        yield {
            "contender": contender,
            "flood": flood.name,
            "asked a second": flood.rate,
            "refused a second": refusals / sum(rounds.seconds),
            "refused as": ", ".join(sorted(rounds.refused)) or "-",
            "achieved orders a second": median(rounds.achieved),
            "answer p50 ms": _at(rounds.times, 0.5),
            "answer p99 ms": _at(rounds.times, 0.99),
            "p99 / quiet p99": _at(rounds.times, 0.99) / _at(quiet.times, 0.99),
            "CPU us a refusal": flood_cpu * 1e6 / refusals if refusals else 0.0,
            "orders unanswered": rounds.unanswered,
            "orders not accepted": rounds.not_accepted,
        }


def _report(rows: Sequence[dict[str, Cell]], scale: Scale) -> Report:
    rates = ", ".join(f"{rate} orders a second ({name})" for name, rate in ORDERS.items())
    method = (
        f"signed POST /v1/orders of IOC limits below the market, due at a fixed rate over {CONNECTIONS} connections: {rates}; from "
        "the moment an order was due to the whole answer, without one to the end of the round; beside it a process that sends "
        f"what must be refused, on what the others leave of the processors; {scale.rounds} rounds of "
        f"{scale.seconds * _ROUNDS_LONGER:g} s, quiet and flooded in turn; percentiles of all orders of the rounds together; CPU of "
        "the gateway's process beyond the quiet rounds; `none, again`: how far quiet rounds are apart"
    )
    columns = (
        "contender", "flood", "asked a second", "refused a second", "refused as", "achieved orders a second",
        "answer p50 ms", "answer p99 ms", "p99 / quiet p99", "CPU us a refusal", "orders unanswered", "orders not accepted",
    )  # fmt: skip
    return Report("flood", method, columns, rows, keys=2)


def _at(times: Sequence[int], fraction: float) -> float:
    """A percentile in ms. Raises `IndexError` without any."""
    return sorted(times)[int(len(times) * fraction)] / 1e6
