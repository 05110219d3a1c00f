"""Ours in the bars benchmark: the stream worker with the bars processor, from Kafka to documents and the topic `bars`.

Arguments: BROKER STORE_URL PREFIX TOTAL GROUP. It makes a database of its own, and drops it.
"""

import asyncio
import sys
from collections.abc import Sequence

import uvloop

from ops.bench.meter import Meter
from ops.processes.market_processors import bars_processor
from ops.processes.measured import MeasuredProcessor
from ops.processes.platform import opened_platform
from ops.runtime.settings import Settings
from storage.log.port import Record
from storage.mongo.migrations import migrate
from storage.reference_data.builtin import load_builtin
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker
from streams.processor import Processor


class _Metered:
    """A processor whose records count when they are flushed."""

    def __init__(self, processor: Processor, meter: Meter) -> None:
        self.name, self.topic = processor.name, processor.topic
        self._processor, self._meter, self._folded = processor, meter, 0

    async def assign(self, partition: int, committed: int | None) -> None:
        await self._processor.assign(partition, committed)

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        self._meter.begin()
        await self._processor.fold(partition, records)
        self._folded += len(records)

    async def flush(self) -> None:
        await self._processor.flush()
        self._meter.count(self._folded)
        self._folded = 0

    async def tick(self, now: int) -> None:
        await self._processor.tick(now)

    async def revoke(self, partition: int) -> None:
        await self._processor.revoke(partition)


async def main(broker: str, store_url: str, prefix: str, total: int, group: str) -> None:
    """Fold `total` trades from the beginning, and say so when the last one is in the store and on the log."""
    meter, reference, stop = Meter(total), load_builtin(), asyncio.Event()
    settings = Settings(
        log_url=f"kafka://{broker}", store_url=store_url, store_database=f"{prefix}{group}", topic_prefix=prefix
    )
    async with opened_platform(settings) as platform:
        await migrate(platform.store.database, platform.clock)
        processor = MeasuredProcessor(bars_processor(platform, lambda: reference), platform.metrics, platform.clock)
        options = AppOptions(group, broker, prefix)
        worker = StreamWorker(options, [_Metered(processor, meter)], platform.log, platform.clock)
        running = asyncio.create_task(worker.run(stop))
        done = asyncio.create_task(meter.done.wait())
        await asyncio.wait([running, done], return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            meter.say()
        stop.set()
        await running
        await platform.store.client.drop_database(settings.store_database)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]))
