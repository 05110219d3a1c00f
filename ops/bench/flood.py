"""Signed orders while a flood of requests that must be refused comes in: what traders notice of it, and what a refusal costs.

Traders, flood and server are processes of their own on the same machine. Quiet and flooded rounds take turns, so that
what else the machine does falls on both.
"""

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from ops.bench.bars import services_of
from ops.bench.contender import python
from ops.bench.cpu import cpu_seconds
from ops.bench.order_load import OrderLoad, Placed
from ops.bench.peers.flooder import KINDS
from ops.bench.report import Cell, Report
from ops.bench.roads import Road, cluster_road, local_road
from ops.bench.scale import Scale

QUIET: Final = "none"
FLOOD: Final = 500
"""Requests a second; a refusal costs about a fifth of a millisecond, so this is a tenth of a core."""
FLOOD_LARGE: Final = 100
"""Of 64 KiB each: 6.5 MB a second."""
LOCAL, CLUSTER = "ours, omniaxs up", "ours, Kafka and Mongo"
ORDERS: Final = {LOCAL: 50, CLUSTER: 20}
_ROUNDS_LONGER: Final = 5
"""A p99 wants hundreds of orders a round."""
_SETTLE_SECONDS: Final = 0.5


@dataclass(slots=True)
class Rounds:
    """What was measured under one kind of flood, a figure a round."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    not_accepted: int = 0


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table: the local profile, and the cluster profile where there are services."""
    rows: list[dict[str, Cell]] = []
    with local_road() as road:
        rows += _rows(LOCAL, measure(road, scale, ORDERS[LOCAL]))
    services = services_of(os.environ)
    if services is not None:
        with cluster_road(services) as road:
            rows += _rows(CLUSTER, measure(road, scale, ORDERS[CLUSTER]))
    yield _report(rows, scale)


def measure(road: Road, scale: Scale, rate: float, kinds: Iterable[str] = tuple(KINDS)) -> dict[str, Rounds]:
    """Rounds of `rate` orders a second by kind of flood, the quiet ones among them."""
    found = {kind: Rounds() for kind in (QUIET, *kinds)}
    load = OrderLoad(road.port, road.traders, road.price(), listen=False)
    try:
        load.run(rate, scale.warm_up)
        for _ in range(scale.rounds):
            for kind, rounds in found.items():
                _round(road, load, kind, rounds, rate=rate, seconds=scale.seconds * _ROUNDS_LONGER)
    finally:
        load.close()
    return found


def _round(road: Road, load: OrderLoad, kind: str, rounds: Rounds, *, rate: float, seconds: float) -> None:
    time.sleep(_SETTLE_SECONDS)
    pid = next(iter(road.processes.values()))
    with _flooding(road.port, kind, seconds) as refused:
        before, began = cpu_seconds(pid), time.monotonic()
        placed = load.run(rate, seconds)
        rounds.cpu.append(cpu_seconds(pid) - before)
        rounds.seconds.append(time.monotonic() - began)
    rounds.refused += refused
    times = sorted(one.answered - one.began for one in placed if one.answered)
    rounds.p50.append(_at(times, 0.5))
    rounds.p99.append(_at(times, 0.99))
    rounds.orders += len(placed)
    rounds.not_accepted += sum(_failed(one) for one in placed)


@contextmanager
def _flooding(port: int, kind: str, seconds: float) -> Iterator[Counter[str]]:
    """A flood beside the block (none for `QUIET`); what came of it is in the counter once the block has ended."""
    codes: Counter[str] = Counter()
    if kind == QUIET:
        yield codes
        return
    command = python("ops.bench.peers.flooder", port, rate_of(kind), seconds, kind)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the flood of {kind} did not begin")
        yield codes
        said, _ = process.communicate(timeout=60)
        codes.update(json.loads(said))
    finally:
        process.kill()
        process.wait()


def rate_of(kind: str) -> int:
    """Requests a second of a kind of flood."""
    return FLOOD_LARGE if "64 KiB" in kind else FLOOD


def _rows(contender: str, found: dict[str, Rounds]) -> Iterator[dict[str, Cell]]:
    quiet = found[QUIET]
    idle = sum(quiet.cpu) / sum(quiet.seconds)
    for kind, rounds in found.items():
        refusals = sum(rounds.refused.values())
        flood_cpu = sum(rounds.cpu) - idle * sum(rounds.seconds)
        yield {
            "contender": contender,
            "flood": kind,
            "asked a second": 0 if kind == QUIET else rate_of(kind),
            "refused a second": refusals / sum(rounds.seconds),
            "refused as": ", ".join(sorted(rounds.refused)) or "-",
            "answer p50 ms": median(rounds.p50),
            "answer p99 ms": median(rounds.p99),
            "p99 / quiet p99": median(flooded / calm for flooded, calm in zip(rounds.p99, quiet.p99, strict=True)),
            "CPU us a refusal": flood_cpu * 1e6 / refusals if refusals else 0.0,
            "orders not accepted": rounds.not_accepted,
        }


def _report(rows: Sequence[dict[str, Cell]], scale: Scale) -> Report:
    rates = ", ".join(f"{rate} orders a second ({name})" for name, rate in ORDERS.items())
    method = (
        f"signed POST /v1/orders of IOC limits below the market at a fixed rate: {rates}; from sending to the whole answer; "
        f"beside it a process that sends what must be refused; medians of {scale.rounds} rounds of "
        f"{scale.seconds * _ROUNDS_LONGER:g} s, quiet and flooded in turn, the ratio round by round; CPU of the gateway's process "
        "beyond the quiet rounds"
    )
    columns = (
        "contender", "flood", "asked a second", "refused a second", "refused as", "answer p50 ms", "answer p99 ms",
        "p99 / quiet p99", "CPU us a refusal", "orders not accepted",
    )  # fmt: skip
    return Report("flood", method, columns, rows, keys=2)


def _failed(one: Placed) -> bool:
    return one.code != "ok"


def _at(times: Sequence[int], fraction: float) -> float:
    """A percentile in ms; 0 without any."""
    return times[int(len(times) * fraction)] / 1e6 if times else 0.0
