"""A resume: what a client has missed, in order and without a hole or a repeat, at the pace at which it reads."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

from gateway.live.backlog import gap_frame
from gateway.live.client import Client
from gateway.live.feed import Counting, Feed
from gateway.live.frames import Frame
from gateway.live.interest import reaches
from gateway.live.shard import Shard
from gateway.live.subscriptions import Subscription
from storage.log.port import Log, LogUnavailable, PositionLost, Record
from storage.mongo.connect import StoreUnavailable

PAGE_RECORDS: Final = 100
_ROOM_SECONDS: Final = 0.002
_RETRY_SECONDS: Final = 1.0
_logger = logging.getLogger(__name__)
Place = tuple[Feed, Shard]


class Abandoned(Exception):
    """The client has gone or no longer wants the topic."""


class CatchUp:
    """One topic of one client, of topics with owners only what counts. `go_live` is called, without a wait before it, with the last frames that are owed.

    Frames are never dropped here and only one page is held: the client's write buffer sets the pace.
    """

    def __init__(
        self,
        log: Log,
        client: Client,
        subscription: Subscription,
        *,
        keys: frozenset[str],
        places: list[Place],
        go_live: Callable[[Subscription, list[Frame]], None],
    ) -> None:
        self._log, self._client, self._subscription = log, client, subscription
        self._keys, self._places, self._go_live = keys, places, go_live

    async def run(self) -> None:
        """Read until the client has everything that the feeds have read, then make it live."""
        try:
            while self._wanted and not self.finish():
                for feed, shard in self._places:
                    await self._advance(feed, shard)
                await asyncio.sleep(_ROOM_SECONDS if self._waits_for_feeds else 0)
        except Abandoned:
            return

    def finish(self) -> bool:
        """Go live when what is owed is at hand and little. True: done."""
        owed: list[Frame] = []
        for _, shard in self._places:
            start = self._next(shard)
            if not shard.remembers(start) or start > shard.position + 1:
                return False
            owed += shard.since(start, PAGE_RECORDS + 1)
        if len(owed) > PAGE_RECORDS:
            return False
        self._go_live(self._subscription, [frame for frame in owed if reaches(frame, self._keys)])
        return True

    @property
    def _waits_for_feeds(self) -> bool:
        """Whether the client is ahead of a feed: it comes from a gateway that had read further."""
        return any(self._next(shard) > shard.position + 1 for _, shard in self._places)

    def _next(self, shard: Shard) -> int:
        return self._subscription.positions[shard.name] + 1

    async def _advance(self, feed: Feed, shard: Shard) -> None:
        """Send what one shard owes, up to what its feed has read by now."""
        stop = shard.position + 1
        while self._wanted and (start := self._next(shard)) < stop:
            if shard.remembers(start):
                await self._send_remembered(shard, start)
            else:
                await self._send_from_log(feed, shard, start, stop)

    async def _send_remembered(self, shard: Shard, start: int) -> None:
        await self._room()
        if shard.remembers(start):
            position = shard.position
            page = shard.since(start, PAGE_RECORDS)
            self._send(shard, page, page[-1].seq if len(page) == PAGE_RECORDS else position)

    async def _send_from_log(self, feed: Feed, shard: Shard, start: int, stop: int) -> None:
        reader = self._log.read(feed.source.log_topic, shard.partition, start, stop)
        try:
            counting = await feed.counting(shard.partition, start)
            async for records in reader:
                for first in range(0, len(records), PAGE_RECORDS):
                    await self._send_page(feed, shard, records[first : first + PAGE_RECORDS], counting)
            self._subscription.positions[shard.name] = max(self._subscription.positions[shard.name], stop - 1)
        except PositionLost as error:
            if not self._announce(shard, error):
                _logger.warning("a resume cannot be judged: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)
        except (LogUnavailable, StoreUnavailable) as error:
            _logger.warning("a resume waits: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
        finally:
            if isinstance(reader, AsyncGenerator):
                await reader.aclose()

    async def _send_page(self, feed: Feed, shard: Shard, records: Sequence[Record], counting: Counting) -> None:
        await self._room()
        frames = (feed.source.frame(shard, record) for record in counting(records))
        self._send(shard, [frame for frame in frames if frame is not None], records[-1].offset)

    def _send(self, shard: Shard, frames: list[Frame], position: int) -> None:
        wires = [frame.wire for frame in frames if reaches(frame, self._keys)]
        if wires:
            self._client.send(b"".join(wires))
        self._subscription.positions[shard.name] = position

    def _announce(self, shard: Shard, error: PositionLost) -> bool:
        """Retention passed the client while it read: say what it will not get. False: it did not."""
        start = self._next(shard)
        if start >= error.bounds.first:
            return False
        self._client.send(gap_frame(self._subscription.topic.name, shard.name, start, error.bounds.first - 1))
        self._subscription.positions[shard.name] = error.bounds.first - 1
        return True

    async def _room(self) -> None:
        """Wait until the client has read what it was sent. Raises `Abandoned`."""
        await asyncio.sleep(0)
        while not self._client.has_room and self._wanted:  # noqa: ASYNC110
            await asyncio.sleep(_ROOM_SECONDS)  # nothing tells when a write buffer has been emptied
        if not self._wanted:
            raise Abandoned

    @property
    def _wanted(self) -> bool:
        subscriptions = self._client.subscriptions
        return not self._client.closed and subscriptions.get(self._subscription.topic.name) is self._subscription
