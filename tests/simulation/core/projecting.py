"""The runner of a projection process: hands it records, has it flush, commits; ends with it when the store or log fails."""

import asyncio
from collections.abc import Callable

from storage.log.port import LogUnavailable
from storage.mongo.failures import StoreUnavailable
from streams.orders.projection.orders_processor import OrdersProcessor
from tests.simulation.owner.faults import Process
from tests.simulation.owner.group import Group, Seat


class _Reader:
    """What a seat calls when its partition goes."""

    def __init__(self, processor: OrdersProcessor) -> None:
        self.processor = processor

    async def revoked(self, partition: int) -> None:
        await self.processor.revoke(partition)


class ReaderSeat(Seat):
    """One process of the group `projection`. `ended` is called when it ends by itself."""

    def __init__(self, group: Group, process: Process, processor: OrdersProcessor, ended: Callable[[], None]) -> None:
        super().__init__(group, process, _Reader(processor))  # type: ignore[arg-type]
        self._processor, self._ended = processor, ended

    async def _serve(self, generation: int) -> None:
        try:
            await self._read(generation)
        except (StoreUnavailable, LogUnavailable):
            self._ended()

    async def _read(self, generation: int) -> None:
        group, process, processor = self.group, self.process, self._processor
        position = group.committed
        await processor.assign(0, position or None)
        records = group.broker.records[group.commands]
        while True:
            await process.gate()
            if position == len(records):
                await group.broker.arrival(group.commands)
                await process.travel()
                continue
            for _ in range(process.random.randint(1, 2)):
                if batch := records[position : position + 20]:
                    await processor.fold(0, batch)
                    position = batch[-1].offset + 1
                await asyncio.sleep(process.random.uniform(0, 0.1))
                await process.gate()
            await processor.flush()
            await process.gate()
            group.commit(generation, position)
