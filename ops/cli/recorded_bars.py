"""Bars of a recorded file: its rows, handed to the fold that the bars processor runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from storage.models.bars import BarDocument
from storage.models.market_data import Timeframe
from streams.feeds.replay.problems import MalformedFile
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.rows import Row, TradeRow
from streams.feeds.replay.session_filter import SessionName, regular_hours
from streams.market.bars.build import build_bars
from streams.market.bars.prints import Print

_EVERY = 50_000
_number = lru_cache(maxsize=65_536)(Decimal)


@dataclass(slots=True)
class FileBars:
    """The bars by symbol and start; `trades` read; `fault` where the file broke off, the bars being of what was before."""

    bars: list[BarDocument]
    trades: int
    fault: MalformedFile | None
    reading: Reading


class _Tape:
    """The trades of a file as prints; a fault ends them and is kept."""

    def __init__(self, show: Callable[[int], None]) -> None:
        self.trades = 0
        self.fault: MalformedFile | None = None
        self._show = show

    def prints(self, rows: Iterator[Row]) -> Iterator[Print]:
        try:
            for row in rows:
                if isinstance(row, TradeRow):
                    yield _print(row, self.trades)
                    self.trades += 1
                    if self.trades % _EVERY == 0:
                        self._show(self.trades)
        except MalformedFile as fault:
            self.fault = fault


def bars_of_file(
    file: RecordedFile, timeframe: Timeframe, session: SessionName | None, show: Callable[[int], None]
) -> FileBars:
    """All bars of one timeframe, on the file's own clock (a file in local time: local); a day is a calendar date of it.

    `show` is called with the trades read, now and then. Raises `UnreadableFile`.
    """
    reading = file.reading()
    rows = file.rows(reading)
    if session:
        rows = regular_hours(rows, file.format, reading)
    tape = _Tape(show)
    bars = build_bars(tape.prints(rows), (timeframe,))
    return FileBars(bars, tape.trades, tape.fault, reading)


def _print(row: TradeRow, place: int) -> Print:
    return Print(row.ts, row.venue_seq, place, _number(row.price), _number(row.quantity), 0, row.symbol)
