"""Trades to bars, third step on the road of a trade (b): fold, write the documents, then put the bars on topic `bars`."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from ops.runtime.clock import Clock
from ops.runtime.metrics import Metrics
from storage.log.port import Message, Record
from storage.models.bars import BarDocument
from storage.models.market_data import encode
from storage.models.wire_bars import wire_bar
from storage.reference import ReferenceData
from storage.topics import BARS, TRADES
from streams.market.bars.decoding import Corrected, decode_trades
from streams.market.bars.fold import BarFold
from streams.market.bars.intervals import SECOND
from streams.market.bars.prints import Print
from streams.market.correcting import Corrector
from streams.market.dead_letter_box import DeadLetterBox
from streams.market.horizon import Horizon
from streams.market.known_markets import KnownMarkets
from streams.market.ports import BarsRepository, MarketLog
from streams.market.refused import Refused

_SCHEMA = b"bar.1"
_offset_of = attrgetter("offset")


@dataclass(slots=True)
class _Partition:
    fold: BarFold
    position: int


class BarsProcessor:
    """Folds `trades` into documents and `bars` records (see `streams.processor.Processor`).

    `reference` gives the reference data of the moment; `lateness` is how far (ns) a trade may be behind its symbol's greatest
    event time (None: without limit). What it cannot take goes to `dead-letters`.
    """

    name = "bars"
    topic = TRADES

    def __init__(
        self,
        *,
        bars: BarsRepository,
        log: MarketLog,
        clock: Clock,
        metrics: Metrics,
        reference: Callable[[], ReferenceData],
        lateness: int | None = 86_400 * SECOND,
    ) -> None:
        self._bars = bars
        self._log = log
        self._box = DeadLetterBox(self.name, TRADES, log, clock, metrics)
        self._markets = KnownMarkets(reference)
        self._lateness = lateness
        self._horizon = Horizon(log, TRADES)
        self._partitions: dict[int, _Partition] = {}

    async def assign(self, partition: int, committed: int | None) -> None:
        """Load the newest bars, and put again on `bars` what may have been written and not appended: the bars ahead of
        the committed offset, and the newest ones, since these alone can have become final by the clock.
        """
        position = committed or 0
        newest = await self._bars.newest(partition)
        ahead = await self._bars.ahead_of(partition, position)
        fold = BarFold(partition, self._markets.day_of, self._lateness)
        fold.restore(newest, max((document.upto for document in (*newest, *ahead)), default=-1))
        self._partitions[partition] = _Partition(fold, position)
        self._horizon.forget(partition)
        again = {document.key: document for document in (*ahead, *newest)}
        await self._append(sorted(again.values(), key=lambda document: document.end))

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        """Fold a batch; loads in one query the bars that it needs and that are not in memory."""
        state = self._partitions[partition]
        if records[-1].offset < state.position:
            return
        prints, corrections, refused = decode_trades(records, self._markets.symbols, state.position)
        for item in refused:
            self._box.add(item)
        if corrections:
            await self._apply_with(corrections, prints, state.fold, partition, records)
        else:
            await self._apply(state.fold, prints)
        self._refuse_late(state.fold, records)
        state.position = records[-1].offset + 1

    async def flush(self) -> None:
        """Write the changed bars, then append them, then the dead letters."""
        changed = [document for state in self._partitions.values() for document in state.fold.take_changed()]
        if changed:
            await self._bars.write_many(changed)
            await self._append(changed)
        await self._box.flush()

    async def tick(self, now: int) -> None:
        """Make bars final that ended 2 s ago, once all that the log held at that time is folded."""
        for partition, state in self._partitions.items():
            if state.fold.has_due(now):
                settled_at = await self._horizon.settled_at(partition, state.position, now)
                if settled_at is not None:
                    state.fold.finish_due(settled_at)

    async def revoke(self, partition: int) -> None:
        """Forget the partition; what was not flushed is folded again by its next owner."""
        self._partitions.pop(partition, None)
        self._horizon.forget(partition)

    async def _apply(self, fold: BarFold, prints: Sequence[Print]) -> None:
        at = fold.apply(prints)
        while at < len(prints):
            await self._load(fold, prints[at:])
            at = fold.apply(prints, at)

    async def _load(self, fold: BarFold, prints: Sequence[Print]) -> None:
        asked = fold.missing(prints)
        if asked:
            fold.install(await self._bars.load(asked), asked)

    async def _apply_with(
        self,
        corrections: Sequence[tuple[int, Corrected]],
        prints: Sequence[Print],
        fold: BarFold,
        partition: int,
        records: Sequence[Record],
    ) -> None:
        """Prints and corrections in the log's order."""
        corrector = Corrector(self._log, TRADES, partition, self._markets.symbols)
        at = 0
        for before, correction in corrections:
            await self._apply(fold, prints[at:before])
            at = before
            await self._load(fold, (correction.trade,))
            reason = await corrector.correct(fold, correction, self._lateness)
            if reason:
                self._box.add(Refused(_record_at(records, correction.trade.offset), "trade.correction", reason))
        await self._apply(fold, prints[at:])

    def _refuse_late(self, fold: BarFold, records: Sequence[Record]) -> None:
        for trade, lateness in fold.take_too_late():
            reason = f"{lateness / SECOND:.3f} s behind the newest trade of {trade.symbol}"
            self._box.add(Refused(_record_at(records, trade.offset), "trade.late", reason))

    async def _append(self, documents: Sequence[BarDocument]) -> None:
        if documents:
            await self._log.append_many(BARS, [message_of(document) for document in documents])


def message_of(document: BarDocument) -> Message:
    """The record of topic `bars`. Its `event-id` names the very state, so one that is appended again is seen as such."""
    state = f"{document.upto}/{document.revision}/{'final' if document.final else 'open'}"
    event_id = f"{document.symbol}/{document.timeframe}/{document.start}/{state}"
    headers = (
        ("event-id", event_id.encode()),
        ("schema", _SCHEMA),
        ("timeframe", document.timeframe.encode()),
    )
    return Message(document.symbol.encode(), encode(wire_bar(document)), headers)


def _record_at(records: Sequence[Record], offset: int) -> Record:
    return records[bisect_left(records, offset, key=_offset_of)]
