"""Corrections: folds bars again from their range of the log without the prints that were taken back out."""

from collections.abc import Mapping

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from streams.market.bars.bar import WorkingBar
from streams.market.bars.corrections import standing, within
from streams.market.bars.decoding import Corrected, Entry, entry_of
from streams.market.bars.fold import BarFold
from streams.market.ports import LogRead


class Corrector:
    """Applies the corrections of one batch of one partition; reads each symbol's range of the log once for all of them."""

    def __init__(self, log: LogRead, topic: str, partition: int, symbols: Mapping[bytes, str]) -> None:
        self._log = log
        self._topic = topic
        self._partition = partition
        self._symbols = symbols
        self._tapes: dict[str, tuple[int, list[Entry]]] = {}
        self._read_upto: dict[str, int] = {}

    async def correct(self, fold: BarFold, correction: Corrected, lateness: int | None) -> str | None:
        """Put what the correction leaves into each bar that has not folded it yet, whose bars must be in memory.
        Returns why it cannot be done, in words; None when it is done.
        """
        trade = correction.trade
        bars = fold.bars_at(trade.symbol, trade.ts)
        waiting = [bar for bar in bars if bar.upto < trade.offset]
        if bars and not waiting:
            return None
        late = fold.lateness_of(trade.symbol, trade.ts)
        if lateness is not None and late > lateness and len(waiting) == len(bars):
            return f"corrects a print that is {late // NANOSECONDS_PER_SECOND} s old, and the limit is {lateness // NANOSECONDS_PER_SECOND} s"
        if not bars:
            return f"corrects a print at {format_timestamp(trade.ts)}, where no bar is"
        return await self._fold_again(fold, waiting, correction, lateness)

    async def _fold_again(
        self, fold: BarFold, bars: list[WorkingBar], correction: Corrected, lateness: int | None
    ) -> str | None:
        trade = correction.trade
        start = min(bar.first_offset for bar in bars)
        oldest = (await self._log.bounds(self._topic))[self._partition].first
        if start < oldest:
            return (
                f"its bars began at offset {start}, and the log holds {self._topic}-{self._partition} from {oldest} on"
            )
        prints, effective = standing(await self._tape(trade.symbol, start, trade.offset + 1), lateness)
        if trade.offset not in effective:
            return (
                f"corrects venue_seq {correction.venue_seq} at {format_timestamp(trade.ts)}, and there is no such print"
            )
        for bar in bars:
            fold.replace(bar, within(bar, prints), trade.offset)
        return None

    async def _tape(self, symbol: str, start: int, stop: int) -> list[Entry]:
        """All prints and corrections of a symbol with start <= offset < stop, in log order."""
        first, entries = self._tapes.get(symbol, (start, []))
        if start < first:
            first, entries = start, []
        self._tapes[symbol] = first, entries
        begin = self._read_upto.get(symbol, first) if entries else first
        key = symbol.encode()
        async for records in self._log.read(self._topic, self._partition, begin, stop):
            found = (entry_of(record, self._symbols) for record in records if record.key == key)
            entries.extend(entry for entry in found if entry is not None)
        self._read_upto[symbol] = stop
        return [entry for entry in entries if _offset(entry) >= start]


def _offset(entry: Entry) -> int:
    return entry.trade.offset if isinstance(entry, Corrected) else entry.offset
