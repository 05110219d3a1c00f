"""The after-image of an order: what follows from its state and terms. Pure."""

from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace

from storage.models.money import ZERO, minus, money, notional, number, text_of, times
from storage.models.orders import Order, PendingAmend
from streams.orders.life import is_open, status_of

_TERMS: Final = frozenset({"quantity", "filled_quantity", "reserve_price", "amend"})


def with_consequences(order: Order, changes: dict[str, Any], ts: str, seq: int, *, is_whole: bool) -> Order:
    """`order` with `changes` and what they imply: status, remaining quantity, notional, reservation, time and seq.

    `is_whole`: what its terms imply stands in `order` already, so it is worked out again only where they change.
    """
    state = changes.get("state", order.state)
    lives = is_open(state)
    if not (is_whole and lives and _TERMS.isdisjoint(changes)):
        changes |= _amounts(order, changes, lives=lives)
    changes |= {
        "status": status_of(state, filled=changes.get("filled_quantity", order.filled_quantity) != "0"),
        "uncertain": state == "unknown",
        "updated_at": ts,
        "seq": seq,
    }
    if state != "unknown":
        changes |= {"query_at": None, "queries": 0}
    if not lives:
        changes |= {"pending": None, "release_at": None}
    return replace(order, **changes)


def _amounts(order: Order, changes: dict[str, Any], *, lives: bool) -> dict[str, str]:
    quantity = number(changes.get("quantity", order.quantity))
    filled = number(changes.get("filled_quantity", order.filled_quantity))
    price, multiplier = number(changes.get("reserve_price", order.reserve_price)), number(order.multiplier)
    left = max(minus(quantity, filled), ZERO) if lives else ZERO
    amend = changes.get("amend", order.amend)
    # A market order has no price of its own, and its terms cannot change: it is worth what it was placed at.
    worth = order.notional if order.type == "market" else text_of(money(notional(price, quantity, multiplier)))
    return {
        "remaining_quantity": text_of(left),
        "notional": worth,
        "reserved": text_of(_reserved(order, amend, left, filled, price)) if lives else "0",
    }


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
