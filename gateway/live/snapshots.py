"""What a new subscriber gets first: last frames, active signals, the last trades."""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import Final

from gateway.live.feed import Feed
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


class Snapshots:
    """Snapshots from what the feeds hold; of trades that are not held any more, from the log."""

    def __init__(self, feeds: Feeds, log: Log, topics: Topics) -> None:
        self._feeds, self._log, self._topics = feeds, log, topics

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

    async def older_trades(self, topic: Topic) -> list[Frame]:
        """The last trades before those that are held, when fewer than the snapshot's are: looked for in the newest
        50,000 records of the shard.
        """
        keys = route_keys(topic, None)
        if topic.family != "trades" or len(self._last_trades(topic, keys, ())) == SNAPSHOT_TRADES:
            return []
        bounds = await self._log.bounds(TRADES)
        feed = self._feeds[TRADES]
        found: list[Frame] = []
        for number in partitions(topic, None, TRADES, self._topics):
            found += await self._search(feed, feed.shards[number], keys, bounds[number].first)
        return found

    async def _search(self, feed: Feed, shard: Shard, keys: frozenset[str], first: int) -> list[Frame]:
        stop = shard.history_start
        end = max(first, stop - _SEARCHED)
        found: list[Frame] = [frame for frame in shard.since(stop, _SEARCHED) if matches(frame.address, keys)]
        while stop > end and len(found) < SNAPSHOT_TRADES:
            start = max(end, stop - _PAGE)
            page: list[Frame] = []
            async for records in self._log.read(TRADES, shard.partition, start, stop):
                frames = (feed.source.frame(shard, record) for record in records)
                page += [frame for frame in frames if frame is not None and matches(frame.address, keys)]
            found = page + found
            stop = start
        return found[-SNAPSHOT_TRADES:]

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
