"""A bar as it is kept: what the wire shows of it plus what the fold needs to go on after a restart."""

from typing import NamedTuple

import msgspec

from storage.models.market_data import Timeframe


class BarKey(NamedTuple):
    """Which bar: symbol, timeframe and left-closed start in nanoseconds since the epoch."""

    symbol: str
    timeframe: Timeframe
    start: int


class BarDocument(msgspec.Struct, frozen=True):
    """One bar of one symbol. Prices, `volume` and `notional` are canonical decimal strings.

    `open_at`/`close_at` are the (event time in ns, venue_seq) of the first and the last print by that order, so that
    late delivery changes nothing. `first_offset` is the least offset of `trades-<partition>` folded in, and `upto`
    the greatest, or that of the trade that made the bar final: a write is guarded by it, and a correction folds the bar
    again from that range of the log.
    `end` is exclusive, in ns. `taken_in` is when (ns) the record of the `close_at` print was appended to the log.

    A bar that corrections have emptied is kept with `trades` 0 and the prices it had last, so that its `upto` still
    guards; readers leave it out ("no trade, no bar").
    """

    symbol: str
    timeframe: Timeframe
    start: int
    end: int
    open: str
    high: str
    low: str
    close: str
    open_at: tuple[int, int]
    close_at: tuple[int, int]
    volume: str
    notional: str
    trades: int
    partition: int
    first_offset: int
    upto: int
    final: bool
    revision: int
    taken_in: int

    @property
    def key(self) -> BarKey:
        """Its identity."""
        return BarKey(self.symbol, self.timeframe, self.start)
