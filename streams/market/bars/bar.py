"""A bar in the making: one mutable object that aggregates are merged into, and the frozen form that is kept."""

from decimal import Decimal

from storage.models.bars import BarDocument, BarKey
from storage.models.market_data import Timeframe
from streams.market.bars.decimals import EXACT, canonical
from streams.market.bars.prints import Aggregate

_ZERO = Decimal()


class WorkingBar:
    """The fields of `BarDocument` with decimals as numbers. `changed` is the fold's note that a flush must write it.

    It holds the prints of `begin` <= t < `end` and is called by `start`, which differs from `begin` for daily bars only.
    """

    __slots__ = (
        "begin",
        "changed",
        "close",
        "close_at",
        "end",
        "final",
        "first_offset",
        "high",
        "low",
        "notional",
        "open",
        "open_at",
        "partition",
        "revision",
        "start",
        "symbol",
        "taken_in",
        "timeframe",
        "trades",
        "upto",
        "volume",
    )

    def __init__(self, symbol: str, timeframe: Timeframe, bounds: tuple[int, int, int], partition: int) -> None:
        self.symbol = symbol
        self.timeframe = timeframe
        self.start, self.begin, self.end = bounds
        self.partition = partition
        self.open = self.high = self.low = self.close = _ZERO
        self.open_at = self.close_at = (0, 0)
        self.volume = self.notional = _ZERO
        self.trades = 0
        self.first_offset = self.upto = -1
        self.taken_in = 0
        self.final = False
        self.revision = 0
        self.changed = False

    @property
    def key(self) -> BarKey:
        """Its identity."""
        return BarKey(self.symbol, self.timeframe, self.start)

    def merge(self, part: Aggregate) -> None:
        """Add prints of this bar's interval that it has not folded yet. Each counts as a change when it is final."""
        if self.trades:
            self._merge_prices(part)
            self.volume = EXACT.add(self.volume, part.volume)
            self.notional = EXACT.add(self.notional, part.notional)
            self.trades += part.trades
        else:
            self._take(part)
        self.first_offset = part.first_offset if self.first_offset < 0 else min(self.first_offset, part.first_offset)
        self.upto = max(self.upto, part.upto)
        if self.final:
            self.revision += part.trades

    def replace(self, whole: Aggregate | None, upto: int) -> None:
        """Put what a correction at offset `upto` leaves in the place of all prints; None leaves an emptied bar."""
        if whole is None:
            self.volume = self.notional = _ZERO
            self.trades = 0
        else:
            self._take(whole)
        self.upto = upto
        if self.final:
            self.revision += 1

    def finish(self, upto: int) -> None:
        """Make it final; by a trade at offset `upto`, which it is then ahead of, so that a restart tells it again."""
        self.final = True
        self.upto = max(self.upto, upto)

    def _merge_prices(self, part: Aggregate) -> None:
        first, last = part.first, part.last
        if (first[0], first[1]) < self.open_at:
            self.open_at = (first[0], first[1])
            self.open = first.price
        if (last[0], last[1]) >= self.close_at:
            self.close_at = (last[0], last[1])
            self.close = last.price
            self.taken_in = last.taken_in
        self.high = max(self.high, part.high)
        self.low = min(self.low, part.low)

    def _take(self, part: Aggregate) -> None:
        self.open, self.close = part.first.price, part.last.price
        self.open_at, self.close_at = (part.first.ts, part.first.venue_seq), (part.last.ts, part.last.venue_seq)
        self.taken_in = part.last.taken_in
        self.high, self.low = part.high, part.low
        self.volume, self.notional, self.trades = part.volume, part.notional, part.trades


def document_of(bar: WorkingBar) -> BarDocument:
    """As it is kept."""
    return BarDocument(
        symbol=bar.symbol,
        timeframe=bar.timeframe,
        start=bar.start,
        end=bar.end,
        open=canonical(bar.open),
        high=canonical(bar.high),
        low=canonical(bar.low),
        close=canonical(bar.close),
        open_at=bar.open_at,
        close_at=bar.close_at,
        volume=canonical(bar.volume),
        notional=canonical(bar.notional),
        trades=bar.trades,
        partition=bar.partition,
        first_offset=bar.first_offset,
        upto=bar.upto,
        final=bar.final,
        revision=bar.revision,
        taken_in=bar.taken_in,
    )


def working_bar_of(document: BarDocument, begin: int) -> WorkingBar:
    """The bar as it was when `document` was made; `begin` (ns) is where its interval begins."""
    bounds = (document.start, begin, document.end)
    bar = WorkingBar(document.symbol, document.timeframe, bounds, document.partition)
    bar.open, bar.high = Decimal(document.open), Decimal(document.high)
    bar.low, bar.close = Decimal(document.low), Decimal(document.close)
    bar.open_at, bar.close_at = (document.open_at[0], document.open_at[1]), (document.close_at[0], document.close_at[1])
    bar.volume, bar.notional, bar.trades = Decimal(document.volume), Decimal(document.notional), document.trades
    bar.first_offset, bar.upto = document.first_offset, document.upto
    bar.final, bar.revision, bar.taken_in = document.final, document.revision, document.taken_in
    return bar
