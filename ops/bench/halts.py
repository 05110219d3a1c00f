"""The kill switch over real Kafka and Mongo: how long after the request is a halt applied, and when is an order refused?

A client of its own places an order every few milliseconds, whatever became of the others; the halt is requested as
`omniaxs halt set` does it, in this process. Nothing of it is known to the client but the answers.
"""

import asyncio
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from ops.bench.bars import Services, services_of
from ops.bench.order_load import SYMBOL, OrderLoad, Placed, Trader
from ops.bench.report import Cell, Report
from ops.bench.roads import Road, cluster_road, platform_of
from ops.bench.scale import Scale
from ops.processes.controls import halting_of
from ops.processes.platform import Platform
from storage.controls.halting import HaltOutcome
from storage.models.controls import HALT_SCOPES, Halt, HaltScope

EVERY_MILLISECONDS: Final = 5
STRATEGY: Final = "bench"
_BEFORE_SECONDS, _AFTER_SECONDS = 0.3, 0.7
_FULL_TIMES: Final = 5


@dataclass(frozen=True, slots=True)
class Halted:
    """One halt, in ms from its request: until it was answered as applied (None: not within two seconds), until the first
    order that was refused was sent, and until its refusal was there. `late` counts orders that were sent after the answer
    and accepted.
    """

    applied: float | None
    sent: float | None
    refused: float | None
    late: int


def benchmark(scale: Scale, services: Services | None = None) -> Iterable[Report]:
    """One table; without a Kafka and a store an empty one that says so."""
    found = services or services_of(os.environ)
    if found is None:
        reason = "left out: OMNIAXS_LOG_URL and OMNIAXS_STORE_URL (or HUB_TEST_KAFKA and HUB_TEST_MONGO) name no real servers"
        yield Report("halts", reason, ("scope",), [])
        return
    times = _FULL_TIMES if scale.rounds > 1 else 2
    with cluster_road(found) as road:
        trader = road.traders[0]
        load = OrderLoad(road.port, (trader,), road.price(), listen=False, strategy_id=STRATEGY)
        try:
            load.run(20, scale.warm_up)
            targets = _targets(trader)
            measured = {
                scope: [_halted(road, load, scope, targets[scope]) for _ in range(times)] for scope in HALT_SCOPES
            }
        finally:
            load.close()
    yield _report(measured, times)


def _targets(trader: Trader) -> Mapping[HaltScope, str]:
    return {
        "platform": "",
        "venue": SYMBOL.rpartition(".")[2],
        "tenant": trader.tenant_id,
        "account": trader.account_id,
        "strategy": f"{trader.account_id}/{STRATEGY}",
        "symbol": SYMBOL,
    }


def _halted(road: Road, load: OrderLoad, scope: HaltScope, target: str) -> Halted:
    """Halt in the middle of a run, and lift it after."""
    placed: list[Placed] = []
    seconds = _BEFORE_SECONDS + _AFTER_SECONDS
    running = threading.Thread(target=lambda: placed.extend(load.run(1_000 / EVERY_MILLISECONDS, seconds)))
    running.start()
    asked, answered, outcome = asyncio.run(_halt(road, Halt(f"hlt_{time.time_ns()}", scope, target, "halted"), running))
    return _told(placed, asked, answered, outcome)


async def _halt(road: Road, halt: Halt, running: threading.Thread) -> tuple[int, int, HaltOutcome]:
    """When it was asked for and answered (ns of `perf_counter`), and what came of it. Lifted once the run has ended."""
    async with platform_of(road) as platform:
        await asyncio.sleep(_BEFORE_SECONDS)
        asked = time.perf_counter_ns()
        outcome = await halting_of(platform).halt(halt)
        answered = time.perf_counter_ns()
        await asyncio.to_thread(running.join)
        await _lift(platform, halt.halt_id)
    return asked, answered, outcome


async def _lift(platform: Platform, halt_id: str) -> None:
    while (await halting_of(platform).lift(halt_id)).not_applied:
        pass


def _told(placed: Sequence[Placed], asked: int, answered: int, outcome: HaltOutcome) -> Halted:
    refused = [one for one in placed if one.code.endswith("halted") and one.answered > asked]
    first = min(refused, key=lambda one: one.answered, default=None)
    late = 0
    if outcome.applied_ms is not None:
        late = sum(one.code == "ok" and one.sent > answered for one in placed)
    return Halted(
        applied=outcome.applied_ms,
        sent=None if first is None else (first.sent - asked) / 1e6,
        refused=None if first is None else (first.answered - asked) / 1e6,
        late=late,
    )


def _report(measured: Mapping[HaltScope, Sequence[Halted]], times: int) -> Report:
    rows: list[dict[str, Cell]] = []
    for scope, halts in measured.items():
        applied = [one.applied for one in halts if one.applied is not None]
        refused = [one.refused for one in halts if one.refused is not None]
        rows.append(
            {
                "scope": scope,
                "applied ms": median(applied) if applied else None,
                "worst applied ms": max(applied, default=None),
                "first refusal ms": median(refused) if refused else None,
                "worst refusal ms": max(refused, default=None),
                "not applied in 2 s": len(halts) - len(applied),
                "accepted after": sum(one.late for one in halts),
            }
        )
    method = (
        f"{times} halts a scope while a client places an order every {EVERY_MILLISECONDS} ms; from the request of the halt to "
        "its answer `applied`, and to the first refusal that the client has read; `accepted after`: orders that were sent "
        "after the answer and accepted nevertheless"
    )
    columns = (
        "scope", "applied ms", "worst applied ms", "first refusal ms", "worst refusal ms", "not applied in 2 s",
        "accepted after",
    )  # fmt: skip
    return Report("halts", method, columns, rows)
