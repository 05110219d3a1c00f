"""What a fill does to a position: net quantity, average price, cost, realised profit. Pure.

Adding averages; reducing leaves the average and realises (price - average) x quantity x multiplier; going through zero
does both, and the average starts anew at the fill's price.
"""

from decimal import Decimal
from typing import NamedTuple

from storage.models.money import ZERO, average_price, minus, money, notional, number, plus, times
from storage.models.orders import Side
from storage.models.positions import Position


class Dealt(NamedTuple):
    """A position's numbers after a fill; `realized` is this fill's alone."""

    net: Decimal
    average: Decimal
    cost: Decimal
    realized: Decimal


def signed(side: Side, quantity: Decimal) -> Decimal:
    """A quantity with the sign that it adds to a net position."""
    return quantity if side == "buy" else quantity.copy_negate()


def dealt(position: Position | None, change: Decimal, price: Decimal, multiplier: Decimal) -> Dealt:
    """The position after `change` (below 0: sold; never 0) at `price`."""
    net, average, cost = ZERO, ZERO, ZERO
    if position is not None:
        net, average, cost = number(position.net_qty), number(position.avg_price), number(position.cost)
    after = plus(net, change)
    if not net or net.is_signed() == change.is_signed():
        cost = plus(cost, notional(price, change, multiplier))
        return Dealt(after, average_price(cost, times(after, multiplier)), cost, ZERO)
    closed = min(net.copy_abs(), change.copy_abs()).copy_sign(net)
    gain = notional(minus(price, average), closed, multiplier)
    if not after:
        return Dealt(ZERO, ZERO, ZERO, money(gain))
    if after.is_signed() == net.is_signed():
        return Dealt(after, average, notional(average, after, multiplier), money(gain))
    cost = notional(price, after, multiplier)
    return Dealt(after, average_price(cost, times(after, multiplier)), cost, money(gain))
