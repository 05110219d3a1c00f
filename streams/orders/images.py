"""The after-image of an order: what follows from its state and terms. Pure."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from storage.models.money import ZERO, minus, money, notional, number, text_of, times
from storage.models.orders import Order, PendingAmend
from streams.orders.life import is_open, status_of


def with_consequences(order: Order, changes: dict[str, Any], ts: str, seq: int) -> Order:
    """`order` with `changes` and what they imply: status, remaining quantity, notional, reservation, time and seq."""
    state, amend = changes.get("state", order.state), changes.get("amend", order.amend)
    quantity_text, filled_text = changes.get("quantity", order.quantity), changes.get("filled_quantity")
    quantity = number(quantity_text)
    filled = number(order.filled_quantity if filled_text is None else filled_text)
    price, multiplier = number(changes.get("reserve_price", order.reserve_price)), number(order.multiplier)
    lives = is_open(state)
    left = max(minus(quantity, filled), ZERO) if lives else ZERO
    changes |= {
        "remaining_quantity": text_of(left),
        "status": status_of(state, filled=filled > 0),
        "uncertain": state == "unknown",
        "notional": text_of(money(notional(price, quantity, multiplier))),
        "reserved": text_of(_reserved(order, amend, left, filled, price)) if lives else "0",
        "updated_at": ts,
        "seq": seq,
    }
    if state != "unknown":
        changes |= {"query_at": None, "queries": 0}
    if not lives:
        changes |= {"pending": None, "release_at": None}
    return replace(order, **changes)


def _reserved(order: Order, amend: PendingAmend | None, left: Decimal, filled: Decimal, price: Decimal) -> Decimal:
    if order.reduce_only:
        return ZERO
    multiplier, rate = number(order.multiplier), number(order.margin_rate)
    now = money(times(notional(price, left, multiplier), rate))
    if amend is None:
        return now
    amended_left = minus(number(amend.quantity), filled)
    amended_price = number(amend.price) if amend.price is not None else price
    return max(now, money(times(notional(amended_price, amended_left, multiplier), rate)))
