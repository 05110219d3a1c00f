"""One print of the tape as the bar fold takes it, and what several prints of one minute come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from operator import itemgetter, mul
from typing import NamedTuple

from streams.market.bars.decimals import EXACT


class Print(NamedTuple):
    """A trade. `ts` (event time) and `taken_in` are ns since the epoch; `offset` is its place in the log (or file).

    The fields' order is the order of prints: event time, then `venue_seq`, then place.
    """

    ts: int
    venue_seq: int
    offset: int
    price: Decimal
    quantity: Decimal
    taken_in: int
    symbol: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What at least one print comes to. Merging is associative and commutative but for `open`/`close` of equal keys,
    where the lower offset opens and the greater one closes.
    """

    first: Print
    last: Print
    high: Decimal
    low: Decimal
    volume: Decimal
    notional: Decimal
    trades: int
    first_offset: int
    upto: int


_price = itemgetter(3)
_quantity = itemgetter(4)
_offset = itemgetter(2)


def aggregate(prints: Sequence[Print]) -> Aggregate:
    """The exact aggregate of one or more prints, in any order."""
    if len(prints) == 1:
        return _single(prints[0])
    prices = list(map(_price, prints))
    quantities = list(map(_quantity, prints))
    offsets = list(map(_offset, prints))
    with localcontext(EXACT):
        volume = sum(quantities, start=Decimal())
        notional = sum(map(mul, prices, quantities), start=Decimal())
    return Aggregate(
        first=min(prints),
        last=max(prints),
        high=max(prices),
        low=min(prices),
        volume=volume,
        notional=notional,
        trades=len(prints),
        first_offset=min(offsets),
        upto=max(offsets),
    )


def _single(trade: Print) -> Aggregate:
    price, quantity, offset = trade.price, trade.quantity, trade.offset
    return Aggregate(trade, trade, price, price, quantity, EXACT.multiply(price, quantity), 1, offset, offset)
