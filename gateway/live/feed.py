"""Third step on the road of a quote and a trade (a): one reader a topic and gateway, whatever the number of clients."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.live.flusher import Flusher
from gateway.live.frames import Delivery, Frame
from gateway.live.judging import Judging
from gateway.live.router import Router
from gateway.live.shard import Shard
from gateway.live.sources import Source
from storage.log.port import Log, LogUnavailable, PositionLost, Record, Tail, TailClosed
from storage.mongo.connect import StoreUnavailable

CHUNK_RECORDS: Final = 128
_RETRY_SECONDS: Final = 1.0
_logger = logging.getLogger(__name__)


Counting = Callable[[Sequence[Record]], Sequence[Record]]
Lost = Callable[[Shard, str, int, int], None]
"""Told when the log no longer holds records that were not read yet: shard, family, first and last seq."""


class Feed:
    """Reads one log topic from `starts` on into frames. `fold`, where given, sees each frame before it is published.
    `judging`, where given, picks the records that count; it was opened for each partition and start. Positions move over
    the others too. A `growing` one reads at once what is added.

    `caught_up` is set once everything has been read that was there at the start (offsets below `ends`).
    """

    def __init__(
        self,
        log: Log,
        source: Source,
        *,
        router: Router,
        flusher: Flusher,
        lost: Lost,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        fold: Callable[[Frame], None] | None = None,
        judging: Judging | None = None,
        growing: bool = False,
    ) -> None:
        self.source = source
        self.shards = {partition: self._shard(partition, start) for partition, start in sorted(starts.items())}
        self.caught_up = asyncio.Event()
        self.unusable = 0
        self.starts = dict(starts)
        self._log, self._router, self._flusher, self._lost, self._fold = log, router, flusher, lost, fold
        self._ends, self._judging, self._growing = dict(ends), judging, growing
        self._tail: Tail | None = None
        self._note_progress()

    async def run(self) -> None:
        """Read until the log is closed. A log that is away is asked again every second."""
        while True:
            starts = {partition: shard.position + 1 for partition, shard in self.shards.items()}
            # Noted before it is open: a partition that is added meanwhile must not be forgotten.
            tail = self._tail = self._log.tail(self.source.log_topic, starts, growing=self._growing)
            try:
                async with tail:
                    await self._read(tail)
            except TailClosed:
                return
            except (LogUnavailable, StoreUnavailable) as error:
                _logger.warning("reading %s again in %g s: %s", self.source.log_topic, _RETRY_SECONDS, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def add(self, partition: int, start: int, end: int) -> None:
        """Also read `partition`, from `start` on; `caught_up` waits for what is below `end`."""
        if partition in self.shards:
            return
        self.starts[partition] = start
        self.shards[partition] = self._shard(partition, start)
        self._ends[partition] = end
        self.caught_up.clear()
        self._note_progress()
        if self._tail is not None:
            await self._tail.add(partition, start)

    async def counting(self, partition: int, start: int) -> Counting:
        """What picks the records that count, in offset order, for somebody else who reads from `start` on.

        Raises as `Judging.before` does.
        """
        return _everything if self._judging is None else (await self._judging.before(partition, start)).take

    async def _read(self, tail: Tail) -> None:
        while True:
            try:
                records = await tail.batch()
            except PositionLost as error:
                await self._jump(tail, error)
                continue
            shard = self.shards[records[0].partition]
            for start in range(0, len(records), CHUNK_RECORDS):
                if start:
                    self._flusher.now()
                    await asyncio.sleep(0)
                chunk = records[start : start + CHUNK_RECORDS]
                self._take(shard, chunk)
                self._flusher.soon(self.source.family, chunk[0].timestamp, len(chunk))
            if not self.caught_up.is_set():
                self._note_progress()

    def _take(self, shard: Shard, records: Sequence[Record]) -> None:
        make, publish, fold = self.source.frame, self._router.publish, self._fold
        latest = self.source.delivery is Delivery.LATEST
        counting = records if self._judging is None else self._judging.take(shard.partition, records)
        for record in counting:
            shard.position = record.offset
            frame = make(shard, record)
            if frame is None:
                self.unusable += 1
                continue
            shard.append(frame)
            if latest:
                address = frame.address
                if address.last is not None and address.last.seq >= frame.seq:
                    continue
                address.last = frame
            if fold is not None:
                fold(frame)
            publish(frame)
        shard.position = records[-1].offset

    async def _jump(self, tail: Tail, error: PositionLost) -> None:
        """Go on with the oldest record that is held, and tell subscribers what they will not get."""
        shard = self.shards[error.partition]
        start = error.bounds.first if error.offset < error.bounds.first else error.bounds.next
        if self._judging is not None:
            await self._judging.open(shard.partition, start)
        _logger.warning("%s; reading goes on at %d", error, start)
        if start > error.offset:
            self._lost(shard, self.source.family, error.offset, start - 1)
        shard.restart(start)
        await tail.add(error.partition, start)

    def _shard(self, partition: int, start: int) -> Shard:
        return Shard(f"{self.source.log_topic}-{partition}", partition, start)

    def _note_progress(self) -> None:
        if all(shard.position + 1 >= self._ends.get(partition, 0) for partition, shard in self.shards.items()):
            self.caught_up.set()


def _everything(records: Sequence[Record]) -> Sequence[Record]:
    """A topic that anybody may append to."""
    return records
