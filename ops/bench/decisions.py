"""Decisions a second of the pure order core on one core."""

import gc
import json
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import islice
from statistics import median
from typing import Final

from ops.bench.paired import ratio
from ops.bench.peers.naive_orders import NaiveCore
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.trading_day import Core, on_the_log, opening, place, rounds
from ops.processes.garbage import freeze_what_stands
from storage.log.memory_partition import MemoryRecord

OPEN_ORDERS: Final = (10, 1_000, 10_000)
_ACCOUNT: Final = "acc_bench"


def benchmark(scale: Scale) -> Iterable[Report]:
    """One table; the naive way has the same rounds of commands and far less to decide."""
    count = scale.trades // 10
    rows: list[dict[str, Cell]] = []
    for held in OPEN_ORDERS:
        ours: list[float] = []
        naive: list[float] = []
        for _ in range(scale.rounds):
            ours.append(_ours(held, count))
            naive.append(_naive(held, _few(scale)))
        for name, measured in (("ours, every rule", ours), ("dictionaries, json, Decimal", naive)):
            rows.append(
                {
                    "contender": name,
                    "open orders": held,
                    "decisions a CPU second": round(1 / median(measured)),
                    "least": round(1 / max(measured)),
                    "most": round(1 / min(measured)),
                    "CPU us a decision": 1e6 * median(measured),
                    "ours / this": ratio(ours, measured),
                }
            )
    method = (
        f"{count:,} commands a round (place, acknowledge, fill or cancel and canceled) of one account, bytes in, bytes out: "
        f"decode, decide, encode, evolve; medians of {scale.rounds} rounds; the naive one decides {_few(scale):,} and has "
        "no margin, limits, controls or valuation"
    )
    columns = (
        "contender",
        "open orders",
        "decisions a CPU second",
        "least",
        "most",
        "CPU us a decision",
        "ours / this",
    )
    yield Report("order-decisions", method, columns, rows, keys=2)


def _few(scale: Scale) -> int:
    """The naive one takes 10 ms for one decision with 10,000 open orders."""
    return scale.trades // 200


def _ours(held: int, count: int) -> float:
    core = Core()
    before = [*opening(_ACCOUNT), *(place(_ACCOUNT, number) for number in range(held))]
    for record in on_the_log(before, 0):
        core.take(record)
    commands = on_the_log(list(islice(rounds(_ACCOUNT, held), count)), len(before))
    return _cpu_seconds(core.take, commands)


def _naive(held: int, count: int) -> float:
    core = NaiveCore("1000000000")
    for record in on_the_log([place(_ACCOUNT, number) for number in range(held)], 0):
        core.rest(json.loads(record.value), Decimal(60))  # deciding ten thousand would take it minutes
    commands = on_the_log(list(islice(rounds(_ACCOUNT, held), count)), held)
    return _cpu_seconds(lambda record: core.take(record.value), commands)


def _cpu_seconds(take: Callable[[MemoryRecord], object], records: Sequence[MemoryRecord]) -> float:
    """Of one record. The collector is set as every process of ours sets it."""
    freeze_what_stands()
    began = time.process_time()
    for record in records:
        take(record)
    taken = time.process_time() - began
    gc.unfreeze()
    return taken / len(records)
