"""Valid records of one topic -> messages on another: one after the other, each sent on only when the last one stands."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from storage.log.port import AppendUnknown, Log, LogUnavailable, Message, Record, Tail
from storage.log.valid_records import ValidRecords
from storage.models.ownership import Anchor
from storage.mongo.failures import StoreUnavailable
from streams.owner.own_records import OwnRecords

logger = logging.getLogger(__name__)


class AnchorStore(Protocol):
    """`storage.mongo.ownership.ReaderAnchors`."""

    async def get(self, partition: int) -> Anchor: ...
    async def put(self, partition: int, anchor: Anchor) -> bool: ...


class Relay:
    """Relays one partition. `translate` gives the messages of a record, often none; their ids must follow from the record
    alone, since after a crash the last ones are sent again: who receives them leaves repeats out.

    With `own` the records come from the owner beside it, else from a tail of the log.

    Progress is stored at most every `progress_seconds`, as an anchor, after what it covers was acknowledged. `sent` is told of
    each record's timestamp (ms since the epoch) once its messages stand.
    """

    def __init__(
        self,
        log: Log,
        *,
        source: str,
        partition: int,
        target: str,
        translate: Callable[[Record], Sequence[Message]],
        anchors: AnchorStore,
        own: OwnRecords | None = None,
        sent: Callable[[int], None] | None = None,
        progress_seconds: float = 3.0,
        retry_seconds: float = 0.2,
    ) -> None:
        self._log, self._source, self._partition, self._target = log, source, partition, target
        self._translate, self._anchors, self._own, self._sent = translate, anchors, own, sent
        self._progress_seconds, self._retry_seconds = progress_seconds, retry_seconds
        self._done: Anchor | None = None

    @property
    def done(self) -> Anchor | None:
        """Everything up to here was relayed (None before the start)."""
        return self._done

    async def run(self) -> None:
        """Relay until cancelled. Raises `PositionLost`, `TailClosed`, and what `translate` raises."""
        stored = self._done = await self._anchors.get(self._partition)
        judge = ValidRecords(stored)
        storing = asyncio.create_task(self._store_progress(stored))
        try:
            async with self._tail(stored.upto + 1) as tail:
                while True:
                    records = await tail.batch()
                    if storing.done():
                        await storing  # it ends by an error alone, which must not go unheard
                    for record in records:
                        for valid in judge.take([record]):
                            await self._relay(valid)
                        self._done = judge.anchor
        finally:
            storing.cancel()
            await asyncio.wait([storing])

    def _tail(self, start: int) -> Tail:
        if self._own is not None:
            return self._own.tail(self._partition, start)
        return self._log.tail(self._source, {self._partition: start})

    async def _relay(self, record: Record) -> None:
        messages = self._translate(record)
        await self._send(messages)
        if messages and self._sent is not None:
            self._sent(record.timestamp)

    async def _send(self, messages: Sequence[Message]) -> None:
        """Until they are acknowledged; nothing later goes out before."""
        while messages:
            try:
                await self._log.append_many(self._target, messages)
            except (AppendUnknown, LogUnavailable) as error:
                logger.warning("%s -> %s: sending again: %s", self._source, self._target, error)
                await asyncio.sleep(self._retry_seconds)
            else:
                return

    async def _store_progress(self, stored: Anchor) -> None:
        while True:
            await asyncio.sleep(self._progress_seconds)
            if self._done is not None and self._done != stored:
                reached = self._done
                try:
                    await self._anchors.put(self._partition, reached)
                except StoreUnavailable as error:
                    logger.warning("%s -> %s: progress is not stored: %s", self._source, self._target, error)
                else:
                    stored = reached
