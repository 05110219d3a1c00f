"""The feeds of one process: quotes from the start, the others when somebody first wants them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from gateway.live.feed import Feed, Lost
from gateway.live.flusher import Flusher
from gateway.live.frames import Frame
from gateway.live.interest import partitions
from gateway.live.judging import Judging, OwnerDocuments
from gateway.live.router import Router
from gateway.live.shard import Shard
from gateway.live.signal_seeds import SignalSeeds, StoredSignals
from gateway.live.signals import ActiveSignals
from gateway.live.sources import BAR_SOURCE, ORDER_SOURCE, QUOTE_SOURCE, RISK_SOURCE, STATE_SOURCE, TRADE_SOURCE, Source
from gateway.live.topics import Topic
from storage.log.port import Bounds, Log
from storage.models.latest_quotes import LatestQuoteDocument
from storage.topics import BARS, ORDER_EVENTS, PLATFORM_KEY, QUOTE_STATES, QUOTES, RISK_SIGNALS, TRADES, Topics

_ALWAYS: Final = (QUOTES, QUOTE_STATES)
_GROWING: Final = (ORDER_EVENTS, RISK_SIGNALS)
LOOK_BACK: Final = {TRADES: 2_000, BARS: 5_000, ORDER_EVENTS: 500, RISK_SIGNALS: 500}
Fold = Callable[[Frame], None]
"""Sees each frame of a feed before it is published."""


class SeedQuotes(Protocol):
    """The latest-quote documents."""

    async def all(self) -> Sequence[LatestQuoteDocument]: ...


class NewestBars(Protocol):
    """The newest bar of each symbol as the store has it."""

    async def newest(self, timeframe: str) -> Mapping[str, bytes]:
        """Symbol -> the bar's JSON, exactly as it would stand on the topic `bars`."""
        ...


class Feeds:
    """`quote_group` is the consumer group of the processor that writes the latest quotes. `on_failure` is told of an
    exception that ended a feed: the process cannot go on without it.
    """

    def __init__(
        self,
        log: Log,
        topics: Topics,
        *,
        router: Router,
        flusher: Flusher,
        lost: Lost,
        latest_quotes: SeedQuotes,
        quote_group: str,
        newest_bars: NewestBars | None,
        on_failure: Callable[[BaseException], None],
        order_owners: OwnerDocuments | None = None,
        note_order: Fold | None = None,
        stored_signals: StoredSignals | None = None,
    ) -> None:
        self.signals = ActiveSignals()
        self._signal_seeds = SignalSeeds(log, stored_signals, self.signals)
        self._log, self._topics, self._router, self._flusher = log, topics, router, flusher
        self._tell_lost = lost
        self._latest_quotes, self._quote_group, self._newest_bars = latest_quotes, quote_group, newest_bars
        self._on_failure, self._note_order = on_failure, note_order
        self._order_judging = Judging(log, ORDER_EVENTS, order_owners)
        self._feeds: dict[str, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening, self._opening_orders, self._seeding = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._seeded_timeframes: set[str] = set()

    def __getitem__(self, log_topic: str) -> Feed:
        """An open feed; `KeyError` otherwise."""
        return self._feeds[log_topic]

    def shard(self, log_topic: str, partition: int) -> Shard | None:
        """A shard that is read; None for one that is not."""
        feed = self._feeds.get(log_topic)
        return feed.shards.get(partition) if feed is not None else None

    async def open_quotes(self) -> None:
        """Seed the quotes and read on from there. The committed offsets are asked first: documents are never behind."""
        committed = await self._log.committed(self._quote_group, QUOTES)
        documents = await self._latest_quotes.all()
        bounds = await self._log.bounds(QUOTES)
        starts = {number: min(max(committed.get(number, 0), held.first), held.next) for number, held in bounds.items()}
        quotes = self._open(QUOTE_SOURCE, starts, bounds)
        for document in documents:
            _seed(quotes, document, bounds)
        states = await self._log.bounds(QUOTE_STATES)
        self._open(STATE_SOURCE, {number: held.first for number, held in states.items()}, states)

    async def want(self, topic: Topic, account: str | None) -> None:
        """Return when `topic` can be subscribed to: when its log has been read so far.

        Raises `LogUnavailable`, `StoreUnavailable`, `SnapshotBehind`, and `PositionLost` where records cannot be judged any
        more.
        """
        match topic.family:
            case "trades":
                await (await self._tailed(TRADE_SOURCE)).caught_up.wait()
            case "bars":
                await (await self._tailed(BAR_SOURCE)).caught_up.wait()
                await self._seed_bars(topic.timeframe or "")
            case "risk":
                await self._risk(account)
            case "orders" if account is not None:
                await (await self._orders(topic, account)).caught_up.wait()
            case _:
                pass

    async def caught_up(self) -> None:
        """Return when all quotes and states have been read that were there when they were opened."""
        for log_topic in _ALWAYS:
            await self._feeds[log_topic].caught_up.wait()

    @property
    def has_caught_up(self) -> bool:
        """Whether it has."""
        return all(log_topic in self._feeds and self._feeds[log_topic].caught_up.is_set() for log_topic in _ALWAYS)

    async def quotes_behind(self) -> int:
        """How many quotes are on the log and not read here; all of them before reading began. Raises `LogUnavailable`."""
        bounds = await self._log.bounds(QUOTES)
        shards = self._feeds[QUOTES].shards if QUOTES in self._feeds else {}
        read = {number: shard.position + 1 for number, shard in shards.items()}
        return sum(max(0, held.next - max(held.first, read.get(number, 0))) for number, held in bounds.items())

    async def close(self) -> None:
        """Stop reading."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tailed(self, source: Source) -> Feed:
        async with self._opening:
            feed = self._feeds.get(source.log_topic)
            if feed is None:
                bounds = await self._log.bounds(source.log_topic)
                back = LOOK_BACK[source.log_topic]
                starts = {number: max(held.first, held.next - back) for number, held in bounds.items()}
                feed = self._open(source, starts, bounds)
            return feed

    async def _risk(self, account: str | None) -> None:
        """A little of what was before is read too, for those who come back soon; what is active comes from the store."""
        owners = [PLATFORM_KEY, *([account.encode()] if account is not None else [])]
        async with self._opening:
            for number in {self._topics.partition(RISK_SIGNALS, owner) for owner in owners}:
                await self._open_risk(number)
        feed = self._feeds[RISK_SIGNALS]
        await feed.caught_up.wait()
        for owner in owners:
            shard = feed.shards[self._topics.partition(RISK_SIGNALS, owner)]
            await self._signal_seeds.seed(owner.decode(), feed, shard)

    async def _open_risk(self, number: int) -> None:
        feed = self._feeds.get(RISK_SIGNALS)
        if feed is not None and number in feed.shards:
            return
        bounds = await self._log.bounds(RISK_SIGNALS)
        start = max(bounds[number].first, bounds[number].next - LOOK_BACK[RISK_SIGNALS])
        if feed is None:
            self._open(RISK_SOURCE, {number: start}, bounds, self.signals.fold)
        else:
            await feed.add(number, start, bounds[number].next)

    async def _orders(self, topic: Topic, account: str) -> Feed:
        """Records of the partitions of the accounts that somebody has asked for, and judged: a little of what was before is
        read too, for those who come back soon.
        """
        feed = self._feeds.get(ORDER_EVENTS)
        wanted = partitions(topic, account, ORDER_EVENTS, self._topics)
        if feed is not None and feed.shards.keys() >= set(wanted):
            return feed
        async with self._opening_orders:
            bounds = await self._log.bounds(ORDER_EVENTS)
            starts = {
                number: max(bounds[number].first, bounds[number].next - LOOK_BACK[ORDER_EVENTS]) for number in wanted
            }
            feed = self._feeds.get(ORDER_EVENTS)
            new = {number: start for number, start in starts.items() if feed is None or number not in feed.shards}
            for number, start in new.items():
                await self._order_judging.open(number, start)
            if feed is None:
                return self._open(ORDER_SOURCE, new, bounds, self._note_order, self._order_judging)
            for number, start in new.items():
                await feed.add(number, start, bounds[number].next)
            return feed

    async def _seed_bars(self, timeframe: str) -> None:
        """Give symbols without a bar on the part of the log that was read their newest one of the store.

        Their `seq` is the last one before that part: it is the position that such a snapshot stands for.
        """
        async with self._seeding:
            if self._newest_bars is None or timeframe in self._seeded_timeframes:
                return
            newest = await self._newest_bars.newest(timeframe)
            self._seeded_timeframes.add(timeframe)
        feed = self._feeds[BARS]
        for symbol, value in newest.items():
            key = (timeframe.encode(), symbol.encode())
            number = self._topics.partition(BARS, key[1])
            shard, start = feed.shards[number], feed.starts[number]
            address = shard.addresses.get(key) or BAR_SOURCE.address(shard, key)
            if start > 0 and address is not None and address.last is None:
                address.last = Frame(address, start - 1, "update", value)

    def _open(
        self,
        source: Source,
        starts: Mapping[int, int],
        bounds: Mapping[int, Bounds],
        fold: Fold | None = None,
        judging: Judging | None = None,
    ) -> Feed:
        ends = {number: bounds[number].next for number in starts}
        feed = Feed(
            self._log,
            source,
            router=self._router,
            flusher=self._flusher,
            lost=self._lost,
            starts=starts,
            ends=ends,
            fold=fold,
            judging=judging,
            growing=source.log_topic in _GROWING,
        )
        self._feeds[source.log_topic] = feed
        task = asyncio.get_running_loop().create_task(feed.run(), name=f"live feed {source.log_topic}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return feed

    def _lost(self, shard: Shard, family: str, first: int, last: int) -> None:
        """Of signals that were never read nobody knows which are active: the store is asked again."""
        if family == RISK_SOURCE.family:
            self.signals.forget()
        self._tell_lost(shard, family, first, last)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_failure(error)


def _seed(quotes: Feed, document: LatestQuoteDocument, bounds: Mapping[int, Bounds]) -> None:
    """A document whose offset this log has not reached was written for another log: it is no seed for this one."""
    shard = quotes.shards.get(document.partition)
    if shard is None or document.offset >= bounds[document.partition].next:
        return
    address = QUOTE_SOURCE.address(shard, document.symbol.encode())
    if address is not None:
        address.last = Frame(address, document.offset, "update", document.value)
