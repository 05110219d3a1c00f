"""Trades per CPU second of one process, from a real Kafka: bare aiokafka, a plain Faust agent, ours without and with bars.

`python -m tests.faults.bars_throughput TRADES [--dense]` with HUB_TEST_KAFKA, HUB_TEST_MONGO and HUB_SHARED set. The recorded
trades are put on a topic of four partitions, by event time, repeated as of earlier years (or days) where there are too few; each
contender then reads all of them in a process of its own. Counted is CPU time (all threads, user and system) from the
first record to the last effect. All contenders run on uvloop with a collector that looks rarely at what lives long.
`--dense` takes the recordings of Binance's perpetuals and spot markets of 2024-08-08 alone (45 bars a thousand trades
become 4), which is what a busy market looks like.
"""

import asyncio
import gc
import logging
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import faust
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer

from ops.runtime.clock import SystemClock
from ops.runtime.metrics import Metrics
from storage.log.kafka import KafkaLog
from storage.log.port import Message, Record
from storage.mongo.bars import Bars
from storage.mongo.connect import connect
from storage.mongo.migrations import migrate
from storage.topics import BARS, DEAD_LETTERS, TRADES, Topics
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker
from streams.market.bars_processor import BarsProcessor
from streams.processor import Processor
from tests.faults.processes import PARTITIONS, always_open
from tests.faults.test_processor_kills import merged, message_of, recordings

BROKER, STORE = os.environ.get("HUB_TEST_KAFKA", ""), os.environ.get("HUB_TEST_MONGO", "")
DATA = Path(os.environ.get("HUB_SHARED", "")) / "data"
DAY = 86_400_000_000_000
TWELVE_YEARS = 12 * 365 * DAY  # longer than the recordings


class Meter:
    """CPU and wall time between the first record and the last."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.seen = name, total, 0
        self.done = asyncio.Event()
        self._cpu = self._wall = 0.0

    def saw(self, records: int) -> None:
        if not self.seen:
            self._cpu, self._wall = time.process_time(), time.perf_counter()
        self.seen += records
        if self.seen >= self.total:
            self.done.set()

    def say(self) -> None:
        cpu, wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        line = f"{self.name:34}{self.total / cpu:>12,.0f} /CPU s{cpu / self.total * 1e6:>9.2f} us{self.total / wall:>12,.0f} /s\n"
        sys.stdout.write(line)


class Counting:
    """Counts, without decoding."""

    name, topic = "counting", TRADES

    def __init__(self, meter: Meter) -> None:
        self._meter, self._folded = meter, 0

    async def assign(self, partition: int, committed: int | None) -> None: ...
    async def revoke(self, partition: int) -> None: ...
    async def tick(self, now: int) -> None: ...

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        self._folded += len(records)

    async def flush(self) -> None:
        if self._folded:
            self._meter.saw(self._folded)
            self._folded = 0


class MeteredBars(BarsProcessor):
    """The bars processor; what it folded counts when it is flushed."""

    meter: Meter
    _folded = 0

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        if not self.meter.seen:
            self.meter.saw(0)
        await super().fold(partition, records)
        self._folded += len(records)

    async def flush(self) -> None:
        await super().flush()
        if self._folded:
            self.meter.saw(self._folded)
            self._folded = 0


async def bare(prefix: str, meter: Meter) -> None:
    consumer = AIOKafkaConsumer(
        prefix + TRADES, bootstrap_servers=BROKER, group_id=f"{prefix}bare", auto_offset_reset="earliest"
    )
    await consumer.start()
    while not meter.done.is_set():
        for records in (await consumer.getmany(timeout_ms=1_000, max_records=1_000)).values():
            meter.saw(len(records))
    meter.say()
    await consumer.stop()


async def plain(prefix: str, meter: Meter) -> None:
    app = faust.App(
        f"{prefix}plain",
        broker=f"kafka://{BROKER}",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        store="memory://",
        autodiscover=False,
        datadir=f"/tmp/{prefix}plain",  # noqa: S108
    )

    @app.agent(app.topic(prefix + TRADES, value_type=bytes, value_serializer="raw", key_serializer="raw"))
    async def take(stream: Any) -> None:
        async for _ in stream.noack().events():
            meter.saw(1)
            _.ack()

    starting = asyncio.create_task(app.start())
    await meter.done.wait()
    meter.say()
    await app.stop()
    await starting


async def ours(prefix: str, meter: Meter, make: Callable[[KafkaLog], Awaitable[Processor]]) -> None:
    log = KafkaLog(BROKER, Topics(PARTITIONS, prefix=prefix))
    await log.start()
    options = AppOptions(meter.name.replace(" ", "-").replace(",", ""), BROKER, prefix)
    worker = StreamWorker(options, [await make(log)], log, SystemClock())
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await meter.done.wait()
    meter.say()
    stop.set()
    await running
    await log.close()


async def without_bars(prefix: str, meter: Meter) -> None:
    async def make(_: KafkaLog) -> Processor:
        return Counting(meter)

    await ours(prefix, meter, make)


async def with_bars(prefix: str, meter: Meter) -> None:
    store = connect(STORE, prefix.strip("-"))
    reference = always_open([symbol for one in recordings(DATA) for symbol in one.symbols.values()])

    async def make(log: KafkaLog) -> Processor:
        await migrate(store.database, SystemClock())
        processor = MeteredBars(
            bars=Bars(store.database), log=log, clock=SystemClock(), metrics=Metrics(), reference=lambda: reference
        )
        processor.meter = meter
        return processor

    await ours(prefix, meter, make)
    await store.client.drop_database(prefix.strip("-"))
    store.close()


CONTENDERS = {
    "bare aiokafka getmany": bare,
    "plain agent, no decoding": plain,
    "ours, no decoding": without_bars,
    "ours, bars in five timeframes": with_bars,
}


def trades(wanted: int, *, dense: bool) -> Iterator[Message]:
    held = tuple(one for one in recordings(DATA) if not dense or "20240808" in one.path)
    earlier = -(-wanted // len(list(merged(DATA, held)))) - 1
    repeated = (
        msgspec.structs.replace(row, ts=row.ts - times * (DAY if dense else TWELVE_YEARS))
        for times in range(earlier, -1, -1)
        for row in merged(DATA, held)
    )
    return map(message_of, islice(repeated, wanted))


async def produce(prefix: str, wanted: int, *, dense: bool) -> None:
    log = KafkaLog(BROKER, Topics(PARTITIONS, prefix=prefix))
    await log.start()
    await log.admin().create([TRADES, BARS, DEAD_LETTERS])
    batch: list[Message] = []
    for message in trades(wanted, dense=dense):
        batch.append(message)
        if len(batch) == 20_000:
            await log.append_many(TRADES, batch)
            batch = []
    await log.append_many(TRADES, batch)
    await log.close()


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    if sys.argv[1] in CONTENDERS:
        name, prefix, total = sys.argv[1], sys.argv[2], int(sys.argv[3])
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        uvloop.run(CONTENDERS[name](prefix, Meter(name, total)))
        return
    total, dense = int(sys.argv[1]), "--dense" in sys.argv
    prefix = f"bench-{uuid.uuid4().hex[:8]}-"
    asyncio.run(produce(prefix, total, dense=dense))
    for name in CONTENDERS:
        subprocess.run([sys.executable, "-m", "tests.faults.bars_throughput", name, prefix, str(total)], check=True)


if __name__ == "__main__":
    main()
