"""Quotes to latest, third step on the road of a quote (b): one guarded document a symbol at each flush."""

from collections.abc import Callable, Sequence

import msgspec

from ops.runtime.clock import Clock
from ops.runtime.metrics import Metrics
from ops.runtime.timestamps import parse_timestamp
from storage.log.port import Record
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.market_data import SessionState
from storage.models.reading import UNREADABLE
from storage.reference import ReferenceData
from storage.topics import QUOTES
from streams.market.dead_letter_box import DeadLetterBox
from streams.market.known_markets import KnownMarkets
from streams.market.ports import LatestQuotesRepository, LogAppend
from streams.market.refused import Refused

_DEPTH = "depth"


class _QuoteFields(msgspec.Struct):
    """All that a quote must have; levels are left undecoded."""

    symbol: str
    venue: str
    last: str
    bid: str
    ask: str
    bid_size: str
    ask_size: str
    session_state: SessionState
    ts: str
    ts_in: str


_decode = msgspec.json.Decoder(_QuoteFields).decode


class LatestQuotesProcessor:
    """Keeps the newest record of each symbol and the newest depth, as bytes (see `streams.processor.Processor`).

    Every record is looked at once, without its levels; what is no quote, or has no instrument, goes to `dead-letters`.
    """

    name = "latest-quotes"
    topic = QUOTES

    def __init__(
        self,
        *,
        quotes: LatestQuotesRepository,
        log: LogAppend,
        clock: Clock,
        metrics: Metrics,
        reference: Callable[[], ReferenceData],
    ) -> None:
        self._quotes = quotes
        self._box = DeadLetterBox(self.name, QUOTES, log, clock, metrics)
        self._markets = KnownMarkets(reference)
        self._changed: dict[str, LatestQuoteDocument] = {}

    async def assign(self, partition: int, committed: int | None) -> None:  # noqa: ARG002
        """Nothing to load: a write is guarded by the stored offset."""
        self._forget(partition)

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        """Keep the last record of each symbol, and the last one that carries depth."""
        symbols = self._markets.symbols
        newest: dict[str, tuple[Record, int]] = {}
        depths: dict[str, tuple[bytes, int]] = {}
        for record in records:
            try:
                fields = _decode(record.value or b"")
                symbol = symbols[record.key or b""]
                parse_timestamp(fields.ts)
                taken_in = parse_timestamp(fields.ts_in)
            except (*UNREADABLE, KeyError, ValueError) as error:
                self._box.add(_refused(record, error))
                continue
            if fields.symbol != symbol:
                text = f"the key says {symbol!r} and the value says {fields.symbol!r}"
                self._box.add(Refused(record, "quote.impossible", text))
                continue
            newest[symbol] = (record, taken_in)
            for name, value in record.headers:
                if name == _DEPTH:
                    depths[symbol] = (value, record.offset)
        for symbol, (record, taken_in) in newest.items():
            self._keep(symbol, partition, record, taken_in, depths.get(symbol))

    async def flush(self) -> None:
        """Write the symbols that changed, each once, then the dead letters."""
        if self._changed:
            changed, self._changed = self._changed, {}
            await self._quotes.upsert_many(list(changed.values()))
        await self._box.flush()

    async def tick(self, now: int) -> None:
        """Nothing is due by the clock."""

    async def revoke(self, partition: int) -> None:
        """Forget what was not flushed."""
        self._forget(partition)

    def _forget(self, partition: int) -> None:
        self._changed = {symbol: kept for symbol, kept in self._changed.items() if kept.partition != partition}

    def _keep(
        self, symbol: str, partition: int, record: Record, taken_in: int, depth: tuple[bytes, int] | None
    ) -> None:
        before = self._changed.get(symbol)
        if depth is None and before is not None and before.depth is not None and before.depth_offset is not None:
            depth = (before.depth, before.depth_offset)
        levels, depth_offset = depth or (None, None)
        self._changed[symbol] = LatestQuoteDocument(
            symbol, partition, record.offset, record.value or b"", taken_in, levels, depth_offset
        )


def _refused(record: Record, error: Exception) -> Refused:
    if isinstance(error, KeyError):
        key = (record.key or b"").decode(errors="replace")
        return Refused(record, "quote.unknown_symbol", f"no instrument has the symbol {key!r} of the record's key")
    return Refused(record, "quote.undecodable", f"not a quote: {error}", error)
