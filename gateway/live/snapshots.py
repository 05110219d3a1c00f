"""What a new subscriber gets first: last frames, active signals, the last trades."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from gateway.live.feeds import Feeds
from gateway.live.frames import Address, Frame
from gateway.live.interest import matches, partitions, route_keys
from gateway.live.shard import Shard
from gateway.live.topics import Topic
from storage.log.port import Log
from storage.topics import BARS, QUOTE_STATES, QUOTES, TRADES, Topics

SNAPSHOT_TRADES: Final = 50
_PAGE: Final = 5_000
_SEARCHED: Final = 50_000


class _Search(NamedTuple):
    """The newest trades of each topic in one partition, oldest first, and the seq up to which nothing was left out."""

    found: dict[str, list[Frame]]
    upto: int


class Snapshots:
    """Snapshots from what the feeds hold; of trades that are not held any more, from the log."""

    def __init__(self, feeds: Feeds, log: Log, topics: Topics) -> None:
        self._feeds, self._log, self._topics = feeds, log, topics
        self._searching: dict[tuple[int, tuple[str, ...]], asyncio.Task[_Search]] = {}

    def of(self, topic: Topic, account: str | None, found: Iterable[Frame]) -> list[Frame]:
        """The messages of a snapshot, in the order of `seq` in each shard. `found` is what was looked up: trades that are
        not held any more (`older_trades`), the snapshot of orders.
        """
        keys = route_keys(topic, account)
        match topic.family:
            case "quotes":
                return [*self._latest(QUOTES, topic, keys), *self._latest(QUOTE_STATES, topic, keys)]
            case "bars":
                return self._latest(BARS, topic, keys)
            case "trades":
                return [frame.retyped("snapshot") for frame in self._last_trades(topic, keys, found)]
            case "risk":
                signals = [frame for key in sorted(keys) for frame in self._feeds.signals.of(key)]
                return [frame.retyped("snapshot") for frame in signals]
            case "orders":
                return list(found)

    async def older_trades(self, topics: Sequence[Topic]) -> dict[str, list[Frame]]:
        """By topic the last trades before those that are held, for topics of which fewer are held than a snapshot has: looked
        for in the newest 50,000 records of a shard, which is read once for all of them.
        """
        short = [topic for topic in topics if topic.family == "trades" and self._is_short(topic)]
        if not short:
            return {}
        bounds = await self._log.bounds(TRADES)
        searched = {
            number: await self._shared_search(number, tuple(wanted), bounds[number].first)
            for number, wanted in self._by_partition(short).items()
        }
        found: dict[str, list[Frame]] = {topic.name: [] for topic in short}
        for number, search in searched.items():
            # What is held may have moved on beyond what was searched: then fewer trades, and no hole between them.
            if self._feeds[TRADES].shards[number].history_start <= search.upto + 1:
                for name, frames in search.found.items():
                    found[name] += frames
        return found

    def _is_short(self, topic: Topic) -> bool:
        return len(self._last_trades(topic, route_keys(topic, None), ())) < SNAPSHOT_TRADES

    def _by_partition(self, topics: Sequence[Topic]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for topic in topics:
            for number in partitions(topic, None, TRADES, self._topics):
                found.setdefault(number, []).append(topic.name)
        return found

    async def _shared_search(self, partition: int, names: tuple[str, ...], first: int) -> "_Search":
        """One search for all who want the same at the same time: after a gateway has died its clients come together."""
        key = partition, names
        task = self._searching.get(key)
        if task is None:
            task = self._searching[key] = asyncio.ensure_future(self._search(partition, names, first))
            task.add_done_callback(lambda done: self._searched(key, done))
        return await asyncio.shield(task)

    def _searched(self, key: tuple[int, tuple[str, ...]], task: "asyncio.Task[_Search]") -> None:
        del self._searching[key]
        if not task.cancelled():
            task.exception()  # who still waits is told; that nobody does is no error

    async def _search(self, partition: int, names: Sequence[str], first: int) -> "_Search":
        """Page by page towards the past, until every topic has enough. The name of a topic of trades is its router key."""
        feed = self._feeds[TRADES]
        shard = feed.shards[partition]
        stop, upto = shard.history_start, shard.position
        end = max(first, stop - _SEARCHED)
        found = _latest_by_key(shard.since(stop, _SEARCHED), names)
        while stop > end and any(len(frames) < SNAPSHOT_TRADES for frames in found.values()):
            start = max(end, stop - _PAGE)
            page: list[Frame] = []
            async for records in self._log.read(TRADES, partition, start, stop):
                frames = (feed.source.frame(shard, record) for record in records)
                page += [frame for frame in frames if frame is not None]
            for name, older in _latest_by_key(page, names).items():
                found[name] = (older + found[name])[-SNAPSHOT_TRADES:]
            stop = start
        return _Search(found, upto)

    def _latest(self, log_topic: str, topic: Topic, keys: frozenset[str]) -> list[Frame]:
        """Last frames, as snapshots; a change of state stays a message of its own type."""
        frames: list[Frame] = []
        for number in partitions(topic, None, log_topic, self._topics):
            shard = self._feeds.shard(log_topic, number)
            addresses = _addresses(shard, topic) if shard is not None else ()
            last = [address.last for address in addresses if address.last is not None and matches(address, keys)]
            frames += sorted(last, key=lambda frame: frame.seq)
        return [frame if frame.type == "state" else frame.retyped("snapshot") for frame in frames]

    def _last_trades(self, topic: Topic, keys: frozenset[str], older: Iterable[Frame]) -> list[Frame]:
        """The newest trades of all shards together, by the time of their append; each shard's stay in order."""
        feed = self._feeds[TRADES]
        before: dict[str, list[Frame]] = {}
        for frame in older:
            before.setdefault(frame.address.shard, []).append(frame)
        newest = [
            _newest_first(feed.shards[number], keys, before.get(feed.shards[number].name, []))
            for number in partitions(topic, None, TRADES, self._topics)
        ]
        merged = merge(*newest, key=lambda frame: frame.appended, reverse=True)
        return list(islice(merged, SNAPSHOT_TRADES))[::-1]


def _addresses(shard: Shard, topic: Topic) -> Iterable[Address]:
    """Where records of `topic` can stand: one look-up for a symbol, however many symbols the shard has."""
    if topic.symbol is None:
        return shard.addresses.values()
    symbol = topic.symbol.encode()
    address = shard.addresses.get(symbol if topic.timeframe is None else (topic.timeframe.encode(), symbol))
    return () if address is None else (address,)


def _newest_first(shard: Shard, keys: frozenset[str], older: list[Frame]) -> Iterator[Frame]:
    """What is held and, before it, what was found in the log (which may be held as well)."""
    oldest_held = shard.history_start
    for frame in shard.newest_first():
        if matches(frame.address, keys):
            yield frame
    for frame in reversed(older):
        if frame.seq < oldest_held:
            yield frame


def _latest_by_key(frames: Sequence[Frame], keys: Sequence[str]) -> dict[str, list[Frame]]:
    """The newest frames that reach each router key, as many as a snapshot has, oldest first."""
    found: dict[str, deque[Frame]] = {key: deque(maxlen=SNAPSHOT_TRADES) for key in keys}
    for frame in frames:
        for key in (frame.address.route, frame.address.wildcard):
            if key is not None and key in found:
                found[key].append(frame)
    return {key: list(newest) for key, newest in found.items()}
