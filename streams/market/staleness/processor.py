"""Quotes to staleness, beside the road of a quote: announces on `quote-states` and `risk-signals` what the clock shows."""

from collections.abc import Callable, Sequence

from ops.runtime.clock import Clock
from ops.runtime.metrics import SYMBOLS_STALE, Metrics
from ops.runtime.timestamps import parse_timestamp
from storage.log.port import Message, Record
from storage.models.market_data import QuoteState, encode
from storage.models.reading import UNREADABLE
from storage.reference import ReferenceData
from storage.topics import QUOTE_STATES, QUOTES, RISK_SIGNALS, Topics
from streams.market.bars.intervals import SECOND
from streams.market.horizon import Horizon
from streams.market.known_markets import KnownMarkets
from streams.market.ports import LatestQuotesRepository, MarketLog
from streams.market.staleness.restore import announced_states, decode_times, signals_under_way, watched_of
from streams.market.staleness.rules import Watched, verdict
from streams.market.staleness.signals import cleared, raised, signal_id_of

_SCHEMA = b"quote-state.1"
LOOK_EVERY = SECOND

Change = tuple[Watched, QuoteState]


class StalenessProcessor:
    """Watches every symbol that ever had a quote (see `streams.processor.Processor`).

    It looks once a second, and at each flush at symbols that are not live and have a new quote. It announces nothing
    while quotes that the log held are still unread. Records that cannot be read are the latest-quotes processor's to tell.
    """

    name = "staleness"
    topic = QUOTES

    def __init__(
        self,
        *,
        quotes: LatestQuotesRepository,
        log: MarketLog,
        topics: Topics,
        clock: Clock,
        metrics: Metrics,
        reference: Callable[[], ReferenceData],
    ) -> None:
        self._quotes = quotes
        self._log = log
        self._topics = topics
        self._clock = clock
        self._gauge = metrics.gauge(SYMBOLS_STALE)
        self._markets = KnownMarkets(reference)
        self._horizon = Horizon(log, QUOTES)
        self._watched: dict[int, dict[str, Watched]] = {}
        self._positions: dict[int, int] = {}
        self._returned: dict[str, Watched] = {}
        self._looked_at = 0

    async def assign(self, partition: int, committed: int | None) -> None:
        """Read back the latest quotes, the states announced last and the signals under way, and tell what of the signals
        a crash has left untold.
        """
        here = [key for key in self._markets.symbols if self._topics.partition(QUOTES, key) == partition]
        symbols = {self._markets.symbols[key] for key in here}
        states = await announced_states(self._log, partition, symbols)
        documents = await self._quotes.get_many(sorted(symbols))
        self._watched[partition] = {
            symbol: watched_of(document, states.get(symbol)) for symbol, document in documents.items()
        }
        self._positions[partition] = committed or 0
        self._horizon.forget(partition)
        await self._complete_signals(states)

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        """Note the times of each symbol's newest quote."""
        symbols, watched = self._markets.symbols, self._watched[partition]
        seen: set[str] = set()
        for record in reversed(records):
            symbol = symbols.get(record.key or b"")
            if symbol is None or symbol in seen:
                continue
            try:
                times = decode_times(record.value or b"")
                quote_ts, taken_in = parse_timestamp(times.ts), parse_timestamp(times.ts_in)
            except (*UNREADABLE, ValueError):
                continue  # the latest-quotes processor makes it a dead letter
            seen.add(symbol)
            self._note(watched, symbol, quote_ts, taken_in)
        self._positions[partition] = max(self._positions[partition], records[-1].offset + 1)

    async def flush(self) -> None:
        """Announce the symbols that are live again."""
        if not self._returned:
            return
        returned, self._returned = self._returned, {}
        now = self._clock.now()
        changes = [change for watched in returned.values() if (change := self._change(watched, now))]
        await self._announce([change for change in changes if change[1].feed_state == "live"], now)

    async def tick(self, now: int) -> None:
        """Once a second, announce what has changed by the clock."""
        if now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        for partition, watched in self._watched.items():
            if not any(self._change(one, now) for one in watched.values()):
                continue
            settled_at = await self._horizon.settled_at(partition, self._positions[partition], now)
            if settled_at is not None:
                changes = [change for one in watched.values() if (change := self._change(one, settled_at))]
                await self._announce(changes, settled_at)

    async def revoke(self, partition: int) -> None:
        """Forget the partition's symbols."""
        gone = self._watched.pop(partition, {})
        self._positions.pop(partition, None)
        self._horizon.forget(partition)
        self._returned = {symbol: one for symbol, one in self._returned.items() if symbol not in gone}
        self._count_stale()

    def _note(self, watched: dict[str, Watched], symbol: str, quote_ts: int, taken_in: int) -> None:
        one = watched.get(symbol)
        if one is None:
            one = watched[symbol] = Watched(symbol, quote_ts, taken_in)
        elif taken_in >= one.taken_in:
            one.quote_ts, one.taken_in = quote_ts, taken_in
        if one.announced is None or one.announced.feed_state != "live":
            self._returned[symbol] = one

    def _change(self, watched: Watched, now: int) -> Change | None:
        """What is to be announced of a symbol at `now`; nothing for one whose instrument was taken away."""
        if watched.symbol.encode() not in self._markets.symbols:
            return None
        state = verdict(watched, now, self._markets.patience_of(watched.symbol), self._markets.session_of)
        return (watched, state) if state is not None else None

    async def _announce(self, changes: Sequence[Change], now: int) -> None:
        """States first: the signals can be worked out of them again."""
        if not changes:
            return
        signals = [signal for change in changes for signal in self._signals_of(*change, now)]
        await self._log.append_many(QUOTE_STATES, [_message_of(state) for _, state in changes])
        for watched, state in changes:
            watched.announced = state
        if signals:
            await self._log.append_many(RISK_SIGNALS, signals)
        self._count_stale()

    def _signals_of(self, watched: Watched, state: QuoteState, now: int) -> list[Message]:
        before = watched.announced
        was_stale = before is not None and before.feed_state == "stale"
        if state.feed_state == "stale" and not was_stale:
            return [raised(state, now - watched.taken_in, self._markets.patience_of(watched.symbol))]
        if state.feed_state != "stale" and before is not None and was_stale:
            return [cleared(signal_id_of(before), state)]
        return []

    async def _complete_signals(self, states: dict[str, QuoteState]) -> None:
        """Append the signals that the announced states call for and that are not on the log."""
        under_way = await signals_under_way(self._log, self._topics)
        signals: list[Message] = []
        for symbol, state in states.items():
            signal_id = under_way.get(symbol)
            wanted = signal_id_of(state) if state.feed_state == "stale" else None
            if signal_id is not None and signal_id != wanted:
                signals.append(cleared(signal_id, state))
            if wanted is not None and signal_id != wanted:
                patience = self._markets.patience_of(symbol)
                signals.append(raised(state, patience, patience))
        if signals:
            await self._log.append_many(RISK_SIGNALS, signals)
        self._count_stale()

    def _count_stale(self) -> None:
        everyone = (one.announced for watched in self._watched.values() for one in watched.values())
        self._gauge.set(sum(1 for state in everyone if state is not None and state.feed_state == "stale"))


def _message_of(state: QuoteState) -> Message:
    event_id = f"{state.symbol}/{state.ts}/{state.feed_state}/{state.session_state}"
    return Message(state.symbol.encode(), encode(state), (("event-id", event_id.encode()), ("schema", _SCHEMA)))
