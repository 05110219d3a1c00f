"""On the road of an order (d): `order-events` -> here -> the documents that `GET /v1/orders|positions|accounts` reads."""

from collections.abc import Callable, Sequence
from typing import Final

from ops.runtime.metrics import READ_MODEL_DELAY, Metrics
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.log.port import Record
from storage.models.ownership import Anchor
from storage.topics import ORDER_EVENTS
from streams.orders.projection.fold import Changes
from streams.orders.projection.partition import PartitionFold
from streams.orders.projection.ports import AnchorStore, Clock, LogRead
from streams.orders.projection.read_models import ReadModels

FLUSH_RECORDS: Final = 500
_SWEEP_NS: Final = 60 * NANOSECONDS_PER_SECOND


class OrdersProcessor:
    """Keeps orders, fills, positions, accounts and answers as documents (see `streams.processor.Processor`).

    Writes after each 500 valid records, or when it is flushed; last of all the anchor of each partition, which tells others
    how far the documents are. A record that counts and cannot be taken ends the process: reads would be wrong after it.
    """

    name = "order-read-models"
    topic = ORDER_EVENTS

    def __init__(
        self, *, models: ReadModels, anchors: AnchorStore, log: LogRead, clock: Clock, metrics: Metrics
    ) -> None:
        self._models, self._anchors, self._log, self._clock = models, anchors, log, clock
        delay = metrics.histogram(READ_MODEL_DELAY)
        self._observe: Callable[[float], None] = delay.observe
        self._partitions: dict[int, PartitionFold] = {}
        self._swept_at = 0

    async def assign(self, partition: int, committed: int | None) -> None:
        """Begin behind the stored anchor: what the group has committed beyond it (a store that was restored from a copy,
        a rebuild that was cut off) is folded again from the log, what stands before it is left out.
        """
        anchor = await self._anchors.get(partition)
        self._partitions[partition] = PartitionFold(anchor, self._models.accounts)
        start = anchor.upto + 1
        if committed is not None and start < committed:
            async for records in self._log.read(ORDER_EVENTS, partition, start, committed):
                await self.fold(partition, records)

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        """Take the valid ones among the records; raises `RecordUnreadable` and `SequenceBroken`."""
        fold = self._partitions[partition]
        for start in range(0, len(records), FLUSH_RECORDS):
            await fold.take(records[start : start + FLUSH_RECORDS])
            if sum(one.pending for one in self._partitions.values()) >= FLUSH_RECORDS:
                await self.flush()

    async def flush(self) -> None:
        """Write what is pending of every partition, then the anchors."""
        waiting = [fold for fold in self._partitions.values() if fold.pending]
        decided = [moment for fold in waiting for moment in fold.decided]
        if waiting:
            await self._models.write(Changes.joined(fold.drain() for fold in waiting), self._clock.now())
        await self._write_anchors()
        now = self._clock.now()
        for moment in decided:
            self._observe(max(0, now - moment) / NANOSECONDS_PER_SECOND)

    async def tick(self, now: int) -> None:
        """Forget, once a minute, the answers whose time is over."""
        if now - self._swept_at >= _SWEEP_NS:
            self._swept_at = now
            await self._models.answers.remove_expired(now)

    async def revoke(self, partition: int) -> None:
        """Forget what was not flushed."""
        self._partitions.pop(partition, None)

    async def _write_anchors(self) -> None:
        moved: dict[int, Anchor] = {
            number: fold.anchor for number, fold in self._partitions.items() if fold.anchor != fold.written
        }
        if not moved:
            return
        await self._anchors.put_many(moved)
        for number, anchor in moved.items():
            self._partitions[number].written = anchor
