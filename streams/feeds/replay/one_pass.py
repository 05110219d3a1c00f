"""One pass of a replay: rows become numbered records, and records leave in batches."""

from collections.abc import Mapping

from ops.runtime.timestamps import format_timestamp
from storage.models.market_data import Quote, Trade
from streams.feeds.port import FeedRecord, Publish
from streams.feeds.replay.progress import ReplayProgress
from streams.feeds.replay.rows import Row, TradeRow
from streams.feeds.replay.tape import SymbolTape

BATCH = 500


class OnePass:
    """`records` counts what was made so far; those up to `resume_after` were published by the run that broke off."""

    def __init__(
        self, tapes: Mapping[str, SymbolTape], publish: Publish, progress: ReplayProgress, resume_after: int
    ) -> None:
        self._tapes, self._publish, self._resume_after = tapes, publish, resume_after
        self._batch: list[FeedRecord] = []
        self._taken_in = ""
        self._newest = 0
        self.progress = progress
        self.records = 0

    @property
    def resuming(self) -> bool:
        """Whether the next record is one that is on the log already."""
        return self.records < self._resume_after

    @property
    def full(self) -> bool:
        """Whether a batch waits to be flushed."""
        return len(self._batch) >= BATCH

    def take(self, row: Row, ts: int, now: int) -> None:
        """Make the records of one row, published as of `ts` and taken in `now` (both ns)."""
        if not self._batch:
            self._taken_in = format_timestamp(now)
        self._newest = max(self._newest, row.ts)
        tape = self._tapes[row.symbol]
        if isinstance(row, TradeRow):
            self._add(tape.trade(row, ts, self._taken_in))
            quote = tape.quote_of_trade(ts, self._taken_in)
            if quote is not None:
                self._add(quote)
        else:
            self._add(tape.quote(row, ts, self._taken_in), row.depth)

    async def flush(self) -> None:
        """Publish what waits."""
        if not self._batch:
            return
        batch, self._batch = self._batch, []
        await self._publish(batch)
        trades = sum(isinstance(record.payload, Trade) for record in batch)
        self.progress.trades += trades
        self.progress.quotes += len(batch) - trades
        self.progress.at = self._newest

    def _add(self, payload: Quote | Trade, depth: bytes | None = None) -> None:
        self.records += 1
        if self.records > self._resume_after:
            self._batch.append(FeedRecord(payload, self.records, depth))
