"""A member of the group in the benchmark of streams: the stream worker with the bars processor, until it is killed.

Prints a JSON line whenever it changes how many partitions it holds, and how many trades it has folded and flushed.
Arguments: BROKER STORE_URL PREFIX PARTITIONS
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Final

import uvloop

from ops.processes.market_processors import bars_processor
from ops.processes.measured import MeasuredProcessor
from ops.processes.platform import opened_platform
from ops.runtime.settings import Settings
from storage.log.port import Record
from storage.reference_data.builtin import load_builtin
from storage.topics import TRADES
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker
from streams.processor import Processor

GROUP: Final = "bars"
_LOOK_SECONDS: Final = 0.02


class _Counted:
    """A processor whose records count when they are flushed."""

    def __init__(self, processor: Processor) -> None:
        self.name, self.topic, self.flushed = processor.name, processor.topic, 0
        self._processor, self._folded = processor, 0

    async def assign(self, partition: int, committed: int | None) -> None:
        await self._processor.assign(partition, committed)

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        await self._processor.fold(partition, records)
        self._folded += len(records)

    async def flush(self) -> None:
        folded = self._folded
        await self._processor.flush()
        self.flushed += folded
        self._folded -= folded

    async def tick(self, now: int) -> None:
        await self._processor.tick(now)

    async def revoke(self, partition: int) -> None:
        await self._processor.revoke(partition)


async def main(broker: str, store_url: str, prefix: str, partitions: int) -> None:
    """Work in the group."""
    reference = load_builtin()
    settings = Settings(
        log_url=f"kafka://{broker}",
        store_url=store_url,
        store_database=prefix.rstrip("-"),
        topic_prefix=prefix,
        topic_partitions={TRADES: partitions},
    )
    async with opened_platform(settings) as platform:
        measured = MeasuredProcessor(bars_processor(platform, lambda: reference), platform.metrics, platform.clock)
        counted = _Counted(measured)
        worker = StreamWorker(AppOptions(GROUP, broker, prefix), [counted], platform.log, platform.clock)
        telling = asyncio.create_task(_tell(worker, counted))
        await worker.run(asyncio.Event())
        telling.cancel()


async def _tell(worker: StreamWorker, counted: _Counted) -> None:
    said = None
    while True:
        now = {"held": len(worker.state.partitions), "records": counted.flushed}
        if now != said:
            print(json.dumps(now), flush=True)
            said = now
        await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
