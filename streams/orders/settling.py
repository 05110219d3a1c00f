"""What settles an open order or its pending amend, whether a report says so or a query of the venue. Pure."""

from typing import Any

from storage.models.money import number
from storage.models.order_events import (
    AmendRejected,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderRejected,
    OrderResolved,
)
from storage.models.orders import Order, PendingAmend
from streams.orders.draft import Draft
from streams.orders.life import is_open


def resolve(draft: Draft, order: Order, outcome: str) -> None:
    """Say that an unknown order is known again; nothing where it was never in doubt."""
    if order.state == "unknown":
        draft.event(OrderResolved(order.order_id, outcome, order.uncertain_since))


def known_state(order: Order) -> str:
    """What an order is that the venue has."""
    return "partially_filled" if number(order.filled_quantity) else "acknowledged"


def reject(draft: Draft, order: Order, code: str, upstream_code: str | None) -> None:
    """The venue never took it."""
    resolve(draft, order, "rejected")
    draft.event(OrderRejected(order.order_id, code, upstream_code))
    draft.put(order, state="rejected", reason=code, upstream_code=upstream_code, uncertain_since=None)


def cancel(draft: Draft, order: Order, code: str | None, upstream_code: str | None) -> None:
    """It is out of the venue's book: for the venue's reason, else for the one that a cancel was asked with."""
    asked = order.cancel_reason if order.pending == "cancel" else None
    reason = code or asked or "venue"
    resolve(draft, order, "canceled")
    draft.event(OrderCanceled(order.order_id, reason, upstream_code))
    draft.put(order, state="canceled", reason=reason, upstream_code=upstream_code, uncertain_since=None)


def expire(draft: Draft, order: Order, upstream_code: str | None) -> None:
    """It ended by its time in force."""
    resolve(draft, order, "expired")
    draft.event(OrderExpired(order.order_id, upstream_code))
    draft.put(order, state="expired", reason="expired", upstream_code=upstream_code, uncertain_since=None)


def amend(draft: Draft, order: Order, terms: PendingAmend) -> None:
    """The amend request `terms.seq` was done; the pending one is answered if it is that."""
    draft.event(OrderAmended(order.order_id, terms.quantity, terms.price, terms.time_in_force, terms.seq))
    changes: dict[str, Any] = {
        "quantity": terms.quantity,
        "price": terms.price,
        "time_in_force": terms.time_in_force,
        "reserve_price": terms.price or order.reserve_price,
        "amended_seq": terms.seq,
    }
    pending = order.amend if order.amend is not None and order.amend.seq != terms.seq else None
    _answered(draft, order, changes, terms.quantity, pending)


def refuse_amend(draft: Draft, order: Order, code: str, upstream_code: str | None) -> None:
    """The pending amend was not done."""
    asked = order.amend.seq if order.amend else None
    draft.event(AmendRejected(order.order_id, code, {"order_id": order.order_id}, upstream_code, asked))
    _answered(draft, order, {}, order.quantity, None)


def _answered(draft: Draft, order: Order, changes: dict[str, Any], quantity: str, still: PendingAmend | None) -> None:
    """What is asked `still` may follow. An order that only waited for this answer, with nothing left to fill, is filled."""
    changes["amend"] = still
    if order.pending == "amend" and still is None:
        changes["pending"] = None
    if is_open(order.state):
        if order.state == "unknown":
            resolve(draft, order, "open")
            changes |= {"state": known_state(order), "uncertain_since": None}
        filled = number(order.filled_quantity)
        if filled >= number(quantity) and (still is None or number(still.quantity) <= filled):
            changes["state"] = "filled"
    draft.put(order, **changes)
