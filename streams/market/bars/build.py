"""Bars of a finite list of prints by the very fold that the processor runs, for `omniaxs bars build`."""

from collections.abc import Iterable, Sequence
from itertools import islice

from storage.models.bars import BarDocument, BarKey
from storage.models.market_data import TIMEFRAMES, Timeframe
from streams.market.bars.fold import BarFold
from streams.market.bars.intervals import DayOf, utc_day
from streams.market.bars.prints import Print

_AT_ONCE = 5_000


def build_bars(
    prints: Iterable[Print], timeframes: Sequence[Timeframe] = TIMEFRAMES, day_of: DayOf = utc_day
) -> list[BarDocument]:
    """All bars of the prints, ordered by symbol, timeframe and start; none for an interval without prints.

    The offsets of the prints must grow (the line of the file will do); event times may come in any order.
    """
    fold = BarFold(partition=0, day_of=day_of, timeframes=timeframes, lateness=None)
    kept: dict[BarKey, BarDocument] = {}
    source = iter(prints)
    while batch := list(islice(source, _AT_ONCE)):
        at = 0
        while (at := fold.apply(batch, at)) < len(batch):
            asked = fold.missing(batch[at:])
            fold.install([kept[key] for key in asked if key in kept], asked)
        kept.update((document.key, document) for document in fold.take_changed())
    order = {timeframe: place for place, timeframe in enumerate(timeframes)}
    return sorted(kept.values(), key=lambda bar: (bar.symbol, order[bar.timeframe], bar.start))
