"""The one tail of `order-events` of a process: judges every record, decodes those of watched accounts alone."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from storage.decisions.watch import Watch
from storage.log.port import Log, LogUnavailable, PositionLost, Record, Tail, TailClosed
from storage.log.valid_records import ValidRecords, judge_from
from storage.models.order_records import decode_record
from storage.models.ownership import NOTHING, Anchor, ClaimHistory, Floor
from storage.models.reading import UNREADABLE
from storage.mongo.failures import StoreUnavailable
from storage.topics import ORDER_EVENTS, Topics

CHUNK_RECORDS: Final = 128
RETRY_SECONDS: Final = 1.0
_logger = logging.getLogger(__name__)


class ClaimSource(Protocol):
    """`storage.mongo.ownership.ClaimHistories` of order-events."""

    async def get(self, partition: int) -> ClaimHistory: ...


class FloorSource(Protocol):
    """`storage.mongo.ownership.Floors` of order-events."""

    async def get(self, partition: int) -> Floor: ...


@dataclass(slots=True)
class _Reading:
    """Where a partition is read: `next` is the offset of the record that comes next."""

    next: int
    judge: ValidRecords


class DecisionTail:
    """Feeds watches. `run` reads from the log's end on; nothing that is appended after `ready` goes by unseen, whatever
    fails meanwhile, unless the log has dropped it: then the watches of that partition are told.
    """

    def __init__(
        self,
        log: Log,
        topics: Topics,
        claims: ClaimSource,
        floors: FloorSource,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._log, self._topics, self._claims, self._floors = log, topics, claims, floors
        self._retry_seconds = retry_seconds
        self._readings: dict[int, _Reading] = {}
        self._watches: dict[bytes, list[Watch]] = {}
        self.started = asyncio.Event()
        self.unreadable = 0

    def watch(self, account_id: str) -> Watch:
        """A watch of the account, fed while it is entered."""
        return Watch(account_id, self._enter, self._leave)

    async def run(self) -> None:
        """Read until the log is closed. A log or a store that is away is asked again."""
        while True:
            try:
                await self._begin()
                starts = {partition: reading.next for partition, reading in self._readings.items()}
                async with self._log.tail(ORDER_EVENTS, starts) as tail:
                    self.started.set()
                    await self._read(tail)
            except TailClosed:
                return
            except (LogUnavailable, StoreUnavailable) as error:
                _logger.warning("reading decisions again in %g s: %s", self._retry_seconds, error)
                await asyncio.sleep(self._retry_seconds)

    async def _begin(self) -> None:
        """Find where to read each partition that is not being read, and who may write it there."""
        missing = [number for number in range(self._topics[ORDER_EVENTS].partitions) if number not in self._readings]
        if not missing:
            return
        bounds = await self._log.bounds(ORDER_EVENTS)
        found = await asyncio.gather(*(self._reading(partition, bounds[partition].next) for partition in missing))
        self._readings.update(zip(missing, found, strict=True))

    async def _reading(self, partition: int, start: int) -> _Reading:
        history, floor = await asyncio.gather(self._claims.get(partition), self._floors.get(partition))
        try:
            anchor = history.anchor_before(start, floor)
            return _Reading(start, await judge_from(self._log, ORDER_EVENTS, partition, start, anchor))
        except PositionLost as error:
            _logger.warning("%s: no decision of this partition counts here until its next owner claims it", error)
            return _Reading(start, ValidRecords(Anchor(start - 1, NOTHING)))

    async def _read(self, tail: Tail) -> None:
        while True:
            try:
                records = await tail.batch()
            except PositionLost as error:
                await self._resume(tail, error)
                continue
            for start in range(0, len(records), CHUNK_RECORDS):
                if start:
                    await asyncio.sleep(0)
                self._take(records[start : start + CHUNK_RECORDS])

    def _take(self, records: Sequence[Record]) -> None:
        reading = self._readings[records[0].partition]
        for record in reading.judge.take(records):
            watches = self._watches.get(record.key or b"")
            if watches:
                self._offer(record, watches)
        reading.next = records[-1].offset + 1

    def _offer(self, record: Record, watches: Sequence[Watch]) -> None:
        try:
            decoded = decode_record(record.value or b"")
        except UNREADABLE as error:
            self.unreadable += 1
            place = f"{ORDER_EVENTS}-{record.partition} at {record.offset}"
            _logger.warning("%s cannot be read here, so nobody is told of it: %s", place, error)
            return
        for watch in tuple(watches):
            watch.offer(decoded)

    async def _resume(self, tail: Tail, error: PositionLost) -> None:
        """Go on at the end of a partition whose records are gone, judged anew; who watches it may have missed some."""
        _logger.warning("%s; decisions of this partition are read on from its end", error)
        for key, watches in self._watches.items():
            if self._topics.partition(ORDER_EVENTS, key) == error.partition:
                for watch in tuple(watches):
                    watch.lose(str(error))
        self._readings.pop(error.partition, None)
        await self._begin()
        await tail.add(error.partition, self._readings[error.partition].next)

    def _enter(self, watch: Watch) -> None:
        self._watches.setdefault(watch.account_id.encode(), []).append(watch)

    def _leave(self, watch: Watch) -> None:
        key = watch.account_id.encode()
        watches = self._watches[key]
        watches.remove(watch)
        if not watches:
            del self._watches[key]
