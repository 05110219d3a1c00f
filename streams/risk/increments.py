"""Whether prices and quantities are ones that the instrument has. Nothing is ever rounded for the client. Pure."""

from decimal import Decimal

from storage.models.controls import TradingRules
from storage.models.money import fits, money, text_of
from streams.risk.denial import Denial
from streams.risk.proposal import Proposal


def bad_prices(rules: TradingRules, **prices: Decimal | None) -> Denial | None:
    """`order.tick_size` for the first price that is not above 0 and a multiple of the tick."""
    for name, price in prices.items():
        if price is not None and (price <= 0 or not fits(price, rules.tick_size)):
            return Denial("order.tick_size", {"field": name, name: text_of(price), **rules.increments})
    return None


def bad_quantity(rules: TradingRules, quantity: Decimal) -> Denial | None:
    """`order.lot_size`, `order.min_quantity` or `order.max_quantity`."""
    told = {"quantity": text_of(quantity), **rules.increments}
    if quantity < rules.min_quantity:
        return Denial("order.min_quantity", told)
    if not fits(quantity, rules.lot_size):
        return Denial("order.lot_size", told)
    return Denial("order.max_quantity", told) if quantity > rules.max_quantity else None


def too_small(proposal: Proposal) -> Denial | None:
    """`order.min_notional`: what it is worth at its limit or stop price, else at the touch, else at the mark."""
    rules = proposal.rules
    if proposal.value >= rules.min_notional:
        return None
    told = {"notional": text_of(money(proposal.value)), "price": text_of(proposal.value_price)}
    return Denial("order.min_notional", {**told, "quantity": text_of(proposal.quantity), **rules.increments})
