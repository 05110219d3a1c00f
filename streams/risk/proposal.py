"""What an order would do if it were accepted: the figures that every pre-trade check looks at. Pure."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from storage.models.accounts import Limits, MarginLevel
from storage.models.controls import TradingRules
from storage.models.money import ONE, ZERO, minus, money, notional, number, plus, times
from storage.models.orders import OrderType, Side
from storage.models.valuation import Rate
from streams.risk.permissions import Restriction


def reducible_by(side: Side, net: Decimal, same_side: Decimal) -> Decimal:
    """How much a side may fill without increasing the position, after the other open orders of it have filled."""
    held = net if side == "sell" else net.copy_negate()
    return max(minus(held, same_side), ZERO)


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """A new order, or an open one as an amend would leave it. `left` is what it may still fill.

    `mark` is the symbol's price in the market, `touch` the best price there of the side that it would trade against (None:
    that side is empty), `value_price` the limit or stop price, else the touch, else the mark, and `value` that price
    x quantity x multiplier. `net` is the present position, `same_side` what the other open orders of its side may still
    fill, `reducible` what it may fill without increasing the position, `reduces` whether that is all of it, `lowers`
    whether it is an amend that asks for less than stands and for nothing else that is worse,
    `best_opposite` the best own price (and order) on the other side. `reserved_before` is what it reserves already. Money
    is in the symbol's currency. `available_margin` and `margin_level` are asked for last, as they cost most.
    """

    rules: TradingRules
    side: Side
    kind: OrderType
    quantity: Decimal
    left: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    reduce_only: bool
    mark: Decimal
    touch: Decimal | None
    value_price: Decimal
    limits: Limits
    net: Decimal
    same_side: Decimal
    reducible: Decimal
    reduces: bool
    lowers: bool
    value: Decimal
    best_opposite: tuple[Decimal, str] | None
    restriction: Restriction | None
    rate: Rate | None
    is_new: bool
    open_orders: int
    recent_orders: int
    reserved_before: Decimal
    available_margin: Callable[[], Decimal]
    margin_level: Callable[[], MarginLevel]

    @property
    def adds_nothing(self) -> bool:
        """Whether it takes on no risk that does not stand already."""
        return self.reduces or self.lowers

    @property
    def collar(self) -> Decimal:
        """How far beyond the market a price may be, as a fraction."""
        text = self.limits.price_collar.get(self.rules.asset_class)
        return number(text) if text is not None else ONE

    @property
    def reserve_price(self) -> Decimal:
        """Limit, stop or collar price: what it is reserved at."""
        if self.price is not None:
            return self.price
        return self.stop_price if self.stop_price is not None else self.beyond(self.mark)

    def beyond(self, price: Decimal) -> Decimal:
        """The farthest price that the collar around `price` lets this side deal at."""
        fraction = self.collar if self.side == "buy" else self.collar.copy_negate()
        return max(times(price, plus(ONE, fraction)), ZERO)

    @property
    def required(self) -> Decimal:
        """The margin that it asks for beyond what it has reserved, in the symbol's currency."""
        if self.reduce_only:
            return ZERO
        opening = max(minus(self.left, self.reducible), ZERO) if self.is_new else self.left
        worth = notional(self.reserve_price, opening, self.rules.multiplier)
        return max(minus(money(times(worth, self.rules.initial_margin_rate)), self.reserved_before), ZERO)
