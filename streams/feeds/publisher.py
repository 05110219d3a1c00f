"""Second step on the road of a quote and a trade: a feed's records are encoded once and put on `quotes` and `trades`."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from ops.runtime.identifiers import Identifiers
from storage.log.port import Headers, Log, Message, Record
from storage.models.market_data import Trade, encode
from storage.topics import QUOTES, TRADES
from streams.feeds.feed_position import HEADER, position_of, run_prefix
from streams.feeds.identities import REMEMBERED, Identity, NewestPrints, RecentIdentities, identity_of
from streams.feeds.port import FeedRecord

NOTHING_ACKNOWLEDGED: Final = -1
_QUOTE_SCHEMA: Final = ("schema", b"quote.1")
_TRADE_SCHEMA: Final = ("schema", b"trade.1")


@dataclass(slots=True)
class FeedCounts:
    """Records since the publisher was made: appended to each topic, and repeated prints that were dropped."""

    quotes: int = 0
    trades: int = 0
    repeats: int = 0


class _Correction(msgspec.Struct):
    kind: str


class _Print(msgspec.Struct):
    """What identifies a trade on the log."""

    symbol: str
    venue_seq: int
    correction: _Correction | None = None


_decode_print = msgspec.json.Decoder(_Print).decode


class FeedPublisher:
    """The `Publish` of one run of a feed; `run` names it, and stays the same over a restart that goes on where it broke off.

    A call returns when the log has acknowledged everything. `AppendUnknown` and `LogUnavailable` come through: what was
    being published may or may not be on the log, so the feed has to end, and `resume` of a new publisher says where to
    go on. Calls must not overlap.
    """

    def __init__(self, log: Log, identifiers: Identifiers, run: str, remembered: int = REMEMBERED) -> None:
        self.counts = FeedCounts()
        self._log = log
        self._identifiers = identifiers
        self._remembered = remembered
        self._keys: dict[str, bytes] = {}  # one object a symbol: a log in memory keeps the key of every record
        self.begin(run)

    def begin(self, run: str) -> None:
        """Be another run from now on (each pass of a loop is one): its prints are no repeats of those before."""
        self._run = run
        self._prefix = run_prefix(run)
        self._acknowledged = NOTHING_ACKNOWLEDGED
        self._recent = RecentIdentities(self._remembered)
        self._quotes_until: dict[str, int] = {}

    async def resume(self) -> int | None:
        """Read the log's tail for what this run has published already, so that none of it is published again.

        Returns the line up to which every record is surely on the log (-1: none), None when the run is not found.
        """
        found: int | None = None
        prints = NewestPrints(self._remembered)
        for topic in (TRADES, QUOTES):
            async for record in self._tail(topic):
                position = position_of(record.headers)
                if position is not None and position.run == self._run:
                    found = position.acknowledged if found is None else max(found, position.acknowledged)
                    self._note(topic, record, position.line, prints)
        for identity in prints.in_order():
            self._recent.add(identity)
        if found is not None:
            self._acknowledged = found
        return found

    async def _tail(self, topic: str) -> AsyncIterator[Record]:
        for partition, (first, following) in sorted((await self._log.bounds(topic)).items()):
            start = max(first, following - self._remembered)
            async for records in self._log.read(topic, partition, start, following):
                for record in records:
                    yield record

    def _note(self, topic: str, record: Record, line: int, prints: NewestPrints) -> None:
        if topic == QUOTES:
            symbol = (record.key or b"").decode()
            self._quotes_until[symbol] = max(line, self._quotes_until.get(symbol, line))
        elif record.value is not None:
            known = _decode_print(record.value)
            kind = known.correction.kind if known.correction else None
            prints.add(line, (known.symbol, known.venue_seq, kind))

    async def __call__(self, records: Sequence[FeedRecord]) -> None:
        """Publish in the given order. Trades go first, so that a quote's `last` has been on the log as a trade."""
        if not records:
            return
        trace = ("traceparent", _traceparent(self._identifiers.event_id()))
        identities: dict[Identity, None] = {}
        trades: list[Message] = []
        quotes: list[Message] = []
        for record in records:
            if isinstance(record.payload, Trade):
                identity = identity_of(record.payload)
                if identity in self._recent or identity in identities:
                    self.counts.repeats += 1
                else:
                    identities[identity] = None
                    trades.append(self._message(record, (_TRADE_SCHEMA, trace)))
            elif record.line > self._quotes_until.get(record.payload.symbol, NOTHING_ACKNOWLEDGED):
                depth: Headers = () if record.depth is None else (("depth", record.depth),)
                quotes.append(self._message(record, (_QUOTE_SCHEMA, trace, *depth)))
        await self._append(TRADES, trades)
        await self._append(QUOTES, quotes)
        for identity in identities:  # only now: what was not acknowledged may be sent again
            self._recent.add(identity)
        self.counts.trades += len(trades)
        self.counts.quotes += len(quotes)
        self._acknowledged = max(self._acknowledged, *(record.line for record in records))

    async def _append(self, topic: str, messages: Sequence[Message]) -> None:
        if messages:
            await self._log.append_many(topic, messages)

    def _message(self, record: FeedRecord, headers: Headers) -> Message:
        position = b"%b%d,%d]" % (self._prefix, record.line, self._acknowledged)
        event_id = ("event-id", self._identifiers.event_id().encode())
        symbol = record.payload.symbol
        key = self._keys.setdefault(symbol, symbol.encode())
        return Message(key, encode(record.payload), (event_id, (HEADER, position), *headers))


def _traceparent(event_id: str) -> bytes:
    """One trace a call of `publish`, not sampled (W3C Trace Context)."""
    identity = event_id.replace("-", "")
    return f"00-{identity}-{identity[16:]}-00".encode()
