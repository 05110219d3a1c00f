"""The snapshot of `orders`: what the read models have of an account, and from which seq on its records follow.

No hole and no repeat, whatever runs meanwhile: the account's records are noted as the feed reads them; the model is read
once it has come to where that began; the feed then reads at least as far as the model can have; so the first noted record
beyond `as_of_seq` is where the updates begin, and the snapshot stands for everything before it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from gateway.live.feed import Feed
from gateway.live.frames import Address, Delivery, Frame
from gateway.live.order_values import seq_in
from gateway.live.shard import Shard
from gateway.live.sources import account_route
from gateway.live.topics import Topic
from storage.log.port import Log
from storage.models.accounts import Account
from storage.models.orders import Order
from storage.models.positions import Position

BEHIND_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.02
_FEED_POLL_SECONDS: Final = 0.002


class AccountSnapshot(msgspec.Struct, frozen=True):
    """The `data` of the snapshot of `orders.*`: open orders, positions that are not flat, and the account, as their
    records left them. Nothing of it is older than `as_of_seq`.
    """

    account_id: str
    as_of_seq: int
    orders: Sequence[Order]
    positions: Sequence[Position]
    account: Account

    def of_symbol(self, symbol: str) -> "AccountSnapshot":
        """What of it is about one symbol; the account stays whole."""
        return AccountSnapshot(
            self.account_id,
            self.as_of_seq,
            [order for order in self.orders if order.symbol == symbol],
            [position for position in self.positions if position.symbol == symbol],
            self.account,
        )


class AccountSnapshots(Protocol):
    """The read models of `order-events`. Both raise `StoreUnavailable`."""

    async def progress(self, partition: int) -> int:
        """The last offset of the partition that the models have (-1: none)."""
        ...

    async def of(self, account_id: str) -> AccountSnapshot | None:
        """The account, `as_of_seq` read first; None until it is opened."""
        ...


class SnapshotBehind(Exception):
    """The read models are more than 2 s behind, or are being made anew."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """`frame` stands for everything up to `position`; None: there is nothing to show yet."""

    frame: Frame | None
    position: int


class NotedSeqs:
    """(seq in the shard, seq of the account) of the records of accounts whose snapshots are being made. Pure."""

    def __init__(self) -> None:
        self._noting: dict[str, list[list[tuple[int, int]]]] = {}

    @contextmanager
    def of(self, account: str) -> Iterator[list[tuple[int, int]]]:
        """A list that grows with each record of the account that is read meanwhile."""
        route = account_route("orders", account)
        noted: list[tuple[int, int]] = []
        self._noting.setdefault(route, []).append(noted)
        try:
            yield noted
        finally:
            remaining = [other for other in self._noting[route] if other is not noted]
            if remaining:
                self._noting[route] = remaining
            else:
                del self._noting[route]

    def fold(self, frame: Frame) -> None:
        """Called with each record, before it is published."""
        lists = self._noting.get(frame.address.route)
        if lists and (seq := seq_in(frame.value)) is not None:
            for noted in lists:
                noted.append((frame.seq, seq))


class OrderSnapshots:
    """Makes snapshots. `model` None: no account is open."""

    def __init__(self, log: Log, model: AccountSnapshots | None) -> None:
        self.noted = NotedSeqs()
        self._log, self._model = log, model
        self._asking: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._progress: dict[int, int] = {}

    async def prepare(self, topic: Topic, account: str, feed: Feed, shard: Shard) -> Prepared:
        """The snapshot for one subscriber, and the position after which its updates begin.

        Raises `SnapshotBehind`, and `LogUnavailable` and `StoreUnavailable`.
        """
        if self._model is None:
            return Prepared(None, shard.position)
        with self.noted.of(account) as noted:
            start = shard.position
            found = await self._read(self._model, account, shard.partition, start)
            if found is None:
                return Prepared(None, start)
            await read_on(self._log, feed, shard)
            position = position_after(noted, found.as_of_seq, shard.position)
        shown = found if topic.symbol is None else found.of_symbol(topic.symbol)
        return Prepared(_frame(topic, shard, position, shown), position)

    async def _read(self, model: AccountSnapshots, account: str, partition: int, start: int) -> AccountSnapshot | None:
        """The account once the model has everything up to `start`; asked again afterwards, as a model that is made anew
        goes back to nothing.
        """
        try:
            async with asyncio.timeout(BEHIND_SECONDS):
                await self._reached(model, partition, start)
        except TimeoutError:
            raise SnapshotBehind(f"the read models have not come to {start} of partition {partition}") from None
        found = await model.of(account)
        if start >= 0 and await self._ask(model, partition) < start:
            raise SnapshotBehind(f"the read models of partition {partition} are being made anew")
        return found

    async def _reached(self, model: AccountSnapshots, partition: int, offset: int) -> None:
        """Return when the model has come to `offset`. One asks for all who wait for the same partition."""
        while self._progress.get(partition, -1) < offset:
            async with self._asking[partition]:
                if self._progress.get(partition, -1) < offset and await self._ask(model, partition) < offset:
                    await asyncio.sleep(_POLL_SECONDS)

    async def _ask(self, model: AccountSnapshots, partition: int) -> int:
        self._progress[partition] = progress = await model.progress(partition)
        return progress


async def read_on(log: Log, feed: Feed, shard: Shard) -> None:
    """Return when the feed has read all that was on the log by now: no model has read further. Raises `SnapshotBehind`."""
    end = (await log.bounds(feed.source.log_topic))[shard.partition].next
    try:
        async with asyncio.timeout(BEHIND_SECONDS):
            while shard.position < end - 1:  # noqa: ASYNC110
                await asyncio.sleep(_FEED_POLL_SECONDS)  # a shard tells nobody that it has moved
    except TimeoutError:
        raise SnapshotBehind(f"{shard.name} has not been read up to {end - 1}") from None


def position_after(noted: Sequence[tuple[int, int]], as_of_seq: int, read: int) -> int:
    """The last position that a snapshot as of `as_of_seq` stands for: right before the first noted record beyond it, else
    all that was `read`. Raises `SnapshotBehind` when records between them are missing, which a model that is made anew
    or a log that lost some would be.
    """
    for offset, seq in noted:
        if seq > as_of_seq:
            if seq != as_of_seq + 1:
                raise SnapshotBehind(f"the read models end at seq {as_of_seq} of an account that goes on at {seq}")
            return offset - 1
    return read


def _frame(topic: Topic, shard: Shard, position: int, shown: AccountSnapshot) -> Frame:
    """An address of its own, so that a client that is slow keeps it as long as it wants this very topic."""
    address = Address("orders", topic.name, shard.name, Delivery.LOSSLESS, said=topic.wildcard)
    return Frame(address, position, "snapshot", msgspec.json.encode(shown))
