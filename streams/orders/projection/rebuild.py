"""The read models made anew from the log, as `omniaxs db rebuild orders` does it while the projection is stopped."""

from collections.abc import Mapping
from typing import Protocol

from storage.models.ownership import Anchor
from storage.topics import ORDER_EVENTS
from streams.orders.projection.orders_processor import FLUSH_RECORDS
from streams.orders.projection.partition import PartitionFold
from streams.orders.projection.ports import Clock, LogRead
from streams.orders.projection.read_models import ReadModels


class Anchors(Protocol):
    """The part of `storage.mongo.ownership.ReaderAnchors` that a rebuild needs."""

    async def forget(self) -> None: ...
    async def put_many(self, anchors: Mapping[int, Anchor], /) -> None: ...


class Rebuild:
    """Forget first how far the projection was: one that is cut off here is finished by the next start of the projection."""

    def __init__(self, *, models: ReadModels, anchors: Anchors, log: LogRead, clock: Clock) -> None:
        self._models, self._anchors, self._log, self._clock = models, anchors, log, clock

    async def clear(self) -> int:
        """Forget everything; returns how many documents there were."""
        await self._anchors.forget()
        return await self._models.delete_all()

    async def partition(self, partition: int, begin: Anchor, stop: int) -> int:
        """Fold the records behind `begin` and before offset `stop`; returns how many counted. Looks at no document."""
        fold = PartitionFold(begin, None)
        counted = 0
        if begin.upto + 1 >= stop:
            return counted
        async for records in self._log.read(ORDER_EVENTS, partition, begin.upto + 1, stop):
            await fold.take(records)
            if fold.pending >= FLUSH_RECORDS:
                counted += await self._write(partition, fold)
        return counted + await self._write(partition, fold)

    async def _write(self, partition: int, fold: PartitionFold) -> int:
        counted = fold.pending
        await self._models.write(fold.drain(), self._clock.now())
        await self._anchors.put_many({partition: fold.anchor})
        return counted
