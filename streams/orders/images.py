"""The after-image of an order: what follows from its state and terms. Pure."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from storage.models.money import ZERO, minus, money, notional, number, text_of, times
from storage.models.orders import Order
from streams.orders.life import is_open, status_of


def with_consequences(order: Order, changes: dict[str, Any], ts: str, seq: int) -> Order:
    """`order` with `changes` and what they imply: status, remaining quantity, notional, reservation, time and seq."""
    after = replace(order, **changes)
    quantity, filled = number(after.quantity), number(after.filled_quantity)
    lives = is_open(after.state)
    left = max(minus(quantity, filled), ZERO) if lives else ZERO
    price, multiplier = number(after.reserve_price), number(after.multiplier)
    return replace(
        after,
        remaining_quantity=text_of(left),
        status=status_of(after.state, filled=filled > 0),
        uncertain=after.state == "unknown",
        pending=after.pending if lives else None,
        release_at=after.release_at if lives else None,
        notional=text_of(money(notional(price, quantity, multiplier))),
        reserved=text_of(_reserved(after, left, filled)) if lives else "0",
        updated_at=ts,
        seq=seq,
    )


def _reserved(order: Order, left: Decimal, filled: Decimal) -> Decimal:
    if order.reduce_only:
        return ZERO
    price, multiplier, rate = number(order.reserve_price), number(order.multiplier), number(order.margin_rate)
    now = money(times(notional(price, left, multiplier), rate))
    if order.amend is None:
        return now
    amended_left = minus(number(order.amend.quantity), filled)
    amended_price = number(order.amend.price) if order.amend.price is not None else price
    return max(now, money(times(notional(amended_price, amended_left, multiplier), rate)))
