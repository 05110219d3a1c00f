"""Trades per CPU second from a real Kafka: bare aiokafka, a plain Faust agent, and ours with bars in five timeframes.

One topic is filled once; each contender is a process of its own that reads it from the beginning. Counted is the
CPU time of that process (all threads) from the first record to the last effect: a count, or for ours the flush to
the store and to the topic `bars`.
"""

import asyncio
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import median

from aiokafka.admin import AIOKafkaAdminClient

from ops.bench.contender import python
from ops.bench.paired import ratio
from ops.bench.report import Cell, Report
from ops.bench.scale import Scale
from ops.bench.tape import tape
from storage.log.kafka import KafkaLog
from storage.log.port import Message
from storage.models.market_data import encode
from storage.topics import BARS, DEAD_LETTERS, TRADES, Topics

OURS, BARE, PLAIN = "ours, bars in five timeframes", "bare aiokafka getmany", "plain Faust agent, no decoding"
CONSUMER_SECONDS = 300
_APPENDED_AT_ONCE = 20_000
_MOST_FOR_PLAIN = 40_000


@dataclass(frozen=True, slots=True)
class Services:
    """Where the real services are: `broker` is host:port."""

    broker: str
    store_url: str


@dataclass(frozen=True, slots=True)
class Speed:
    """What one consumer did in one second of its CPU and in one second of the clock."""

    a_cpu_second: float
    a_second: float


def benchmark(scale: Scale, services: Services | None = None) -> Iterable[Report]:
    """One table; without a Kafka and a store an empty one that says so."""
    found = services or services_of(os.environ)
    if found is None:
        reason = "left out: OMNIAXS_LOG_URL and OMNIAXS_STORE_URL (or HUB_TEST_KAFKA and HUB_TEST_MONGO) name no real servers"
        yield Report("trades-to-bars", reason, ("contender",), [])
        return
    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    asyncio.run(_fill(found.broker, prefix, scale.trades))
    try:
        yield _report(_measured(found, prefix, scale), scale)
    finally:
        asyncio.run(_forget(found.broker, prefix))


def services_of(environment: Mapping[str, str]) -> Services | None:
    """The servers that the settings name, else those that tests use; None when there are none."""
    log = environment.get("OMNIAXS_LOG_URL", "")
    broker = log.removeprefix("kafka://") if log.startswith("kafka://") else environment.get("HUB_TEST_KAFKA")
    url = environment.get("OMNIAXS_STORE_URL", "")
    store_url = url if url.startswith("mongodb") else environment.get("HUB_TEST_MONGO")
    return Services(broker, store_url) if broker and store_url else None


def _measured(services: Services, prefix: str, scale: Scale) -> dict[str, list[Speed]]:
    broker, topic, few = services.broker, prefix + TRADES, min(scale.trades, _MOST_FOR_PLAIN)
    commands: dict[str, Callable[[int], list[str]]] = {
        BARE: lambda _: python("ops.bench.peers.bars_bare", broker, topic, scale.trades),
        PLAIN: lambda turn: python("ops.bench.peers.bars_plain_faust", broker, topic, few, f"{prefix}plain-{turn}"),
        OURS: lambda turn: python(
            "ops.bench.peers.bars_ours", broker, services.store_url, prefix, scale.trades, f"ours-{turn}"
        ),
    }
    speeds: dict[str, list[Speed]] = {name: [] for name in commands}
    for turn in range(scale.rounds):
        for name, command in commands.items():
            speeds[name].append(_consumed(command(turn)))
    return speeds


def _consumed(command: list[str]) -> Speed:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
    done = subprocess.run(command, env=outside, capture_output=True, text=True, timeout=CONSUMER_SECONDS, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"{command!r} ended with {done.returncode}:\n{done.stderr[-2_000:]}")
    said = json.loads(lines[-1])
    return Speed(said["records"] / said["cpu_seconds"], said["records"] / said["wall_seconds"])


async def _fill(broker: str, prefix: str, trades: int) -> None:
    log = KafkaLog(broker, Topics(prefix=prefix))
    await log.start()
    try:
        await log.admin().create([TRADES, BARS, DEAD_LETTERS])
        records = tape(trades, time.time_ns())
        while chunk := list(islice(records, _APPENDED_AT_ONCE)):
            await log.append_many(TRADES, [Message(trade.symbol.encode(), encode(trade)) for trade in chunk])
    finally:
        await log.close()


async def _forget(broker: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.delete_topics([prefix + topic for topic in (TRADES, BARS, DEAD_LETTERS)])
    finally:
        await admin.close()


def _report(speeds: Mapping[str, list[Speed]], scale: Scale) -> Report:
    ours = [speed.a_cpu_second for speed in speeds[OURS]]
    rows: list[dict[str, Cell]] = []
    for name, measured in speeds.items():
        rate = median(speed.a_cpu_second for speed in measured)
        rows.append(
            {
                "contender": name,
                "trades a CPU second": round(rate),
                "least": round(min(speed.a_cpu_second for speed in measured)),
                "most": round(max(speed.a_cpu_second for speed in measured)),
                "CPU us a trade": 1e6 / rate,
                "trades a second": round(median(speed.a_second for speed in measured)),
                "ours / this": ratio(ours, [speed.a_cpu_second for speed in measured]),
            }
        )
    method = (
        f"{scale.trades:,} trades of 20 symbols over an hour of event time (the plain agent: at most {_MOST_FOR_PLAIN:,}); "
        f"medians of {scale.rounds} rounds; CPU of the consuming process, from the first record to the last effect"
    )
    columns = ("contender", "trades a CPU second", "least", "most", "CPU us a trade", "trades a second", "ours / this")
    return Report("trades-to-bars", method, columns, rows)
