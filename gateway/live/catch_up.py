"""A resume: what a client has missed, in order and without a hole or a repeat, at the pace at which it reads."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Final

from gateway.live.backlog import gap_frame
from gateway.live.client import Client
from gateway.live.feed import Counting, Feed
from gateway.live.frames import Frame
from gateway.live.interest import divided, keys_reached
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
    """The client has gone or no longer wants the topics."""


class CatchUp:
    """One topic of one client, or a wildcard with symbols of it; of topics with owners only what counts.

    A frame does not say for which of them it comes, so they are read together: each message comes once, and none before what
    another of them is owed of its shard. `go_live` is called, without a wait before it, with those that are still wanted and the
    last frames that are owed. Frames are never dropped here and only one page is held: the client's write buffer sets the pace.
    """

    def __init__(
        self,
        log: Log,
        client: Client,
        subscriptions: Mapping[Subscription, frozenset[str]],
        *,
        places: list[Place],
        go_live: Callable[[Sequence[Subscription], list[Frame]], None],
    ) -> None:
        """`subscriptions`, by the router keys of each, are read by this from now on."""
        self._log, self._client, self._places, self._go_live = log, client, places, go_live
        self._readers: list[Subscription] = list(subscriptions)
        self._by_key: dict[str, list[Subscription]] = {}
        for subscription, keys in subscriptions.items():
            subscription.read_by = self
            for key in keys:
                self._by_key.setdefault(key, []).append(subscription)
        self._divided = divided(self._by_key)

    async def run(self) -> None:
        """Read until the client has everything that the feeds have read, then make it live."""
        try:
            while self._is_wanted() and not self.finish():
                for feed, shard in self._places:
                    await self._advance(feed, shard)
                waits = self._client.backlog is not None or any(map(self._is_ahead, self._shards))
                await asyncio.sleep(_ROOM_SECONDS if waits else 0)
        except Abandoned:
            return

    def finish(self) -> bool:
        """Go live when what is owed is at hand and little, and nothing waits that was read before it. True: done."""
        if self._client.backlog is not None:
            return False
        owed: list[Frame] = []
        for shard in self._shards:
            start = self._next(shard)
            if not shard.remembers(start) or self._is_ahead(shard):
                return False
            owed += shard.since(start, PAGE_RECORDS + 1)
        if len(owed) > PAGE_RECORDS:
            return False
        self._go_live(self._readers, [frame for frame in owed if self._is_owed(frame)])
        return True

    @property
    def _shards(self) -> list[Shard]:
        return [shard for _, shard in self._places]

    def _next(self, shard: Shard) -> int:
        """From where on somebody is owed something."""
        return 1 + min(
            (one.positions[shard.name] for one in self._readers if shard.name in one.positions), default=shard.position
        )

    def _is_ahead(self, shard: Shard) -> bool:
        """Whether the client is ahead of a feed: it comes from a gateway that had read further."""
        return any(one.positions.get(shard.name, -1) > shard.position for one in self._readers)

    def _is_owed(self, frame: Frame) -> bool:
        """Whether it is wanted by a topic that was not delivered so far."""
        shard = frame.address.shard
        return any(
            one.read_by is self and one.positions.get(shard, -1) < frame.seq
            for key in keys_reached(frame, self._by_key, self._divided)
            for one in self._by_key[key]
        )

    async def _advance(self, feed: Feed, shard: Shard) -> None:
        """Send what one shard owes, up to what its feed has read by now."""
        stop = shard.position + 1
        while self._is_wanted() and (start := self._next(shard)) < stop:
            if shard.remembers(start):
                await self._send_remembered(shard)
            else:
                await self._send_from_log(feed, shard, start, stop)

    async def _send_remembered(self, shard: Shard) -> None:
        await self._room()
        start = self._next(shard)
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
            self._moved(shard, stop - 1)
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
        wires = [frame.wire for frame in frames if self._is_owed(frame)]
        if wires:
            self._client.send(b"".join(wires))
        self._moved(shard, position)

    def _moved(self, shard: Shard, position: int) -> None:
        if self._is_wanted():
            for one in self._readers:
                one.move_to(shard.name, position)

    def _announce(self, shard: Shard, error: PositionLost) -> bool:
        """Retention passed the client while it read: say what each topic will not get. False: it did not."""
        last = error.bounds.first - 1
        if not self._is_wanted():
            return True
        if self._next(shard) > last:
            return False
        for one in self._readers:
            delivered = one.positions.get(shard.name, last)
            if delivered < last:
                self._client.send(gap_frame(one.topic.name, shard.name, delivered + 1, last))
        self._moved(shard, last)
        return True

    async def _room(self) -> None:
        """Wait until the client has read what it was sent. Raises `Abandoned`."""
        await asyncio.sleep(0)
        while not self._client.has_room and self._is_wanted():  # noqa: ASYNC110
            await asyncio.sleep(_ROOM_SECONDS)  # nothing tells when a write buffer has been emptied
        if not self._is_wanted():
            raise Abandoned

    def _is_wanted(self) -> bool:
        """Whether anybody still waits for it; those who do not are forgotten."""
        self._readers = [one for one in self._readers if one.read_by is self]
        return not self._client.closed and bool(self._readers)
