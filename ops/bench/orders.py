"""Orders: place -> answer, -> decision and -> frame, what each costs, and how far behind reads are.

Signed `POST /v1/orders` at a fixed rate: ours as `omniaxs up`, ours as the processes of the cluster profile on real Kafka
and Mongo, and the naive way, a Quart route that checks the same signature, inserts into Mongo and answers. The naive one
takes turns with each of ours, and what a process uses without orders is measured before each round: both ratios and costs are
of the same moment.
"""

import asyncio
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from ops.bench.bars import Services, services_of
from ops.bench.contender import process_of, python
from ops.bench.cpu import cpu_seconds
from ops.bench.histograms import buckets_of, quantile
from ops.bench.order_load import CONNECTIONS, OrderLoad, Placed, Trader, achieved_rate, unanswered
from ops.bench.order_log import Hops, hops_since, positions
from ops.bench.paired import ratio
from ops.bench.ports import free_port
from ops.bench.report import Cell, Report
from ops.bench.roads import Road, cluster_road, local_road, platform_of
from ops.bench.scale import Scale
from ops.runtime.metrics import READ_MODEL_DELAY
from storage.mongo.connect import connect

LOCAL, CLUSTER, NAIVE = "ours, omniaxs up", "ours, Kafka and Mongo", "naive Quart and Mongo"
RATES: Final[Mapping[str, Sequence[int]]] = {LOCAL: (20, 100), CLUSTER: (20, 50, 100)}
"""Orders a second. 100 over Kafka are more than two cores with everything on them can do."""
_REST_SECONDS: Final = 0.5
_LONGER: Final = 4.0
"""A p99 wants more orders than a second brings, and a cost near what two cores can do a longer mean."""
_LEAST_ORDERS: Final = 100
"""In a round of a scale of one second: what orders cost has to stand out of what the feed costs meanwhile."""
Rows = list[dict[str, Cell]]


@dataclass(slots=True)
class Rounds:
    """What was measured of one road at one rate: a list of orders a round, and by role CPU us an order and CPU seconds a second
    without orders, a figure a round.
    """

    placed: list[list[Placed]] = field(default_factory=list)
    costs: list[dict[str, float]] = field(default_factory=list)
    idle: list[dict[str, float]] = field(default_factory=list)

    def take(self, road: Road, load: OrderLoad, rate: int, seconds: float, waiting: OrderLoad) -> None:
        """One more round, after the road has rested; `waiting` has subscribers that must not miss a ping meanwhile."""
        waiting.listen_up()
        time.sleep(_REST_SECONDS)
        idle = _idle(road, seconds)
        waiting.listen_up()
        before, began = _cpu(road), time.monotonic()
        placed = load.run(rate, seconds)
        took = time.monotonic() - began
        self.costs.append(
            {role: (used - before[role] - idle[role] * took) * 1e6 / len(placed) for role, used in _cpu(road).items()}
        )
        self.placed.append(placed)
        self.idle.append(idle)

    def in_all(self) -> list[float]:
        """CPU us an order of all processes, a figure a round."""
        return [sum(cost.values()) for cost in self.costs]


def benchmark(scale: Scale) -> Iterable[Report]:
    """A table of answers and one of reads; on real services also one of the hops between and one of CPU by process."""
    services = services_of(os.environ)
    with _naive(services) as naive:
        measured = Measured(scale, naive)
        with local_road() as road:
            measured.take(LOCAL, road)
        if services is not None:
            with cluster_road(services) as road:
                measured.take(CLUSTER, road)
        yield from measured.reports()


class Measured:
    """Rows of all tables, a contender after the other."""

    def __init__(self, scale: Scale, naive: Road) -> None:
        self._scale = scale
        self._naive = naive
        self._naive_rounds: dict[int, Rounds] = defaultdict(Rounds)
        self._answers: Rows = []
        self._reads: Rows = []
        self._hops: Rows = []
        self._processes: Rows = []

    def take(self, contender: str, road: Road) -> None:
        """Measure it at every rate, in turn with the naive one."""
        load = OrderLoad(road.port, road.traders, road.price())
        naive_load = OrderLoad(self._naive.port, self._naive.traders, "1.0", listen=False)
        try:
            for each in (load, naive_load):
                each.run(RATES[contender][0], self._scale.warm_up)
            for rate in RATES[contender]:
                self._at(contender, road, rate, load, naive_load)
        finally:
            load.close()
            naive_load.close()

    def _at(self, contender: str, road: Road, rate: int, load: OrderLoad, naive_load: OrderLoad) -> None:
        reader = next((role for role in ("projection", "up") if role in road.ops), None)
        delays = _delays(road, reader)
        start = asyncio.run(_positions(road)) if road.settings else None
        ours, naive, seconds = Rounds(), self._naive_rounds[rate], _seconds(rate, self._scale)
        for _ in range(self._scale.rounds):
            ours.take(road, load, rate, seconds, waiting=load)
            naive.take(self._naive, naive_load, rate, seconds, waiting=load)
        beside = naive.in_all()[-self._scale.rounds :]
        row = _answer_row(contender, rate, ours, listen=True)
        self._answers.append({**row, "CPU / naive": ratio(ours.in_all(), beside)})
        after = _delays(road, reader)
        if reader is not None:
            at = {f"p{name} ms": _ms(quantile(delays, after, name / 100)) for name in (50, 99)}
            self._reads.append({"contender": contender, "orders a second": rate, **at})
        if start is not None:
            hops = asyncio.run(_hops(road, start))
            self._hops += [{"orders a second": rate, **row} for row in _hop_rows(hops)]
            for role in road.processes:
                cpu = median(cost[role] for cost in ours.costs)
                idle = 100 * median(used[role] for used in ours.idle)
                named: dict[str, Cell] = {"process": role, "orders a second": rate}
                self._processes.append({**named, "CPU us an order": cpu, "idle, % of a core": idle})

    def reports(self) -> Iterator[Report]:
        """The tables."""
        scale = self._scale
        naive = [_answer_row(NAIVE, rate, rounds, listen=False) for rate, rounds in sorted(self._naive_rounds.items())]
        lengths = {rate: _seconds(rate, scale) for rate in sorted(self._naive_rounds)}
        long = ", ".join(f"{seconds:g} s at {rate} a second" for rate, seconds in lengths.items())
        rounds = f"medians of {scale.rounds} rounds ({long})"
        method = (
            f"signed POST /v1/orders of IOC limits below the market, due at a fixed rate over {CONNECTIONS} kept connections "
            "(`achieved`: as they were sent); from the moment an order was due to the whole answer, and to the first frame of "
            f"orders.*, or to the end of the round where there was none (`unanswered`); {rounds}, `most` over all of them; CPU of "
            "the serving processes beyond what they used without orders, which is measured for as long before each round; the naive "
            "one in turn with each of ours; the collector of each is set by `freeze_what_stands`"
        )
        columns = (
            "contender", "orders a second", "achieved a second", "answer p50 ms", "answer p99 ms", "most ms", "frame p50 ms",
            "frame p99 ms", "CPU us an order", "unanswered", "not accepted", "CPU / naive",
        )  # fmt: skip
        yield Report(
            "orders", method, columns, [*self._answers, *({**row, "CPU / naive": 1.0} for row in naive)], keys=2
        )
        method = "from the decision of a record until reads show it, by the projection's own histogram"
        yield Report(
            "read-model-delay", method, ("contender", "orders a second", "p50 ms", "p99 ms"), self._reads, keys=2
        )
        if self._hops:
            method = "from the records of the log; times of appends are in whole milliseconds, by the appending process's clock"
            yield Report("order-hops", method, ("hop", "orders a second", "p50 ms", "p99 ms"), self._hops, keys=2)
            costs = ("process", "orders a second", "CPU us an order", "idle, % of a core")
            yield Report("order-processes", f"CPU of each process of ours; {rounds}", costs, self._processes, keys=2)


def _seconds(rate: int, scale: Scale) -> float:
    """How long a round is: a glance has a glance's."""
    return max(_LONGER, _LEAST_ORDERS / rate) * scale.seconds


@contextmanager
def _naive(services: Services | None) -> Iterator[Road]:
    """Without services its store is in memory, as that of `omniaxs up`."""
    trader, port = Trader("", "", "bench", secrets.token_hex(16)), free_port()
    url, name = services.store_url if services else "mongomock://", f"bench_{secrets.token_hex(4)}"
    command = python("ops.bench.peers.naive_order_route", port, url, name, trader.key_id, trader.secret)
    try:
        with process_of(command, "ready") as (process, _):
            yield Road(port, {"naive": process.pid}, {}, (trader,))
    finally:
        if services is not None:
            asyncio.run(_drop(url, name))


async def _drop(url: str, name: str) -> None:
    store = connect(url, name)
    await store.client.drop_database(name)
    store.close()


def _idle(road: Road, seconds: float) -> dict[str, float]:
    """CPU seconds a second of each process while nothing is sent to it."""
    before, began = _cpu(road), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return {role: (used - before[role]) / took for role, used in _cpu(road).items()}


def _cpu(road: Road) -> dict[str, float]:
    return {role: cpu_seconds(pid) for role, pid in road.processes.items()}


def _delays(road: Road, role: str | None) -> Mapping[float, float]:
    return buckets_of(road.metrics(role), READ_MODEL_DELAY.name) if role is not None else {}


async def _positions(road: Road) -> dict[str, dict[int, int]]:
    async with platform_of(road) as platform:
        return await positions(platform)


async def _hops(road: Road, start: dict[str, dict[int, int]]) -> Hops:
    async with platform_of(road) as platform:
        return await hops_since(platform, start)


def _answer_row(contender: str, rate: int, rounds: Rounds, *, listen: bool) -> dict[str, Cell]:
    answers = [[one.answer_time for one in placed] for placed in rounds.placed]
    frames = [[one.frame_time for one in placed if one.frame_time is not None] for placed in rounds.placed if listen]
    achieved = [found for placed in rounds.placed if (found := achieved_rate(placed)) is not None]
    return {
        "contender": contender,
        "orders a second": rate,
        "achieved a second": median(achieved) if achieved else None,
        "answer p50 ms": _median(answers, 0.5),
        "answer p99 ms": _median(answers, 0.99),
        "most ms": max((max(each) / 1e6 for each in answers if each), default=None),
        "frame p50 ms": _median(frames, 0.5),
        "frame p99 ms": _median(frames, 0.99),
        "CPU us an order": median(rounds.in_all()),
        "unanswered": sum(map(unanswered, rounds.placed)),
        "not accepted": sum(one.code != "ok" for placed in rounds.placed for one in placed),
    }


def _hop_rows(hops: Hops) -> Iterator[dict[str, Cell]]:
    named = {
        "request -> command appended": hops.to_command,
        "command appended -> decided": hops.to_decision,
        "decided -> record appended": hops.to_record,
        "request -> decided": hops.asked_to_decided,
    }
    for name, times in named.items():
        yield {"hop": name, "p50 ms": _median([times], 0.5), "p99 ms": _median([times], 0.99)}


def _median(rounds: Sequence[Sequence[int]], fraction: float) -> float | None:
    """The median over the rounds of a percentile, in ms."""
    found = [sorted(times)[int(len(times) * fraction)] / 1e6 for times in rounds if times]
    return median(found) if found else None


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1_000 * seconds
