"""On the road of an order: `order-events` -> here -> `venue-requests`, what a record asks of its venue. Pure.

A request is known by (order, seq of the record), so a record that is relayed again asks nothing new.
"""

from typing import Any, Final

from ops.runtime.timestamps import format_timestamp
from storage.models import venues
from storage.models.order_events import (
    AmendRequested,
    CancelRequested,
    Event,
    OrderSent,
    OrderUnknown,
    ReportUnmatched,
)
from storage.models.order_records import OrderRecord
from storage.models.orders import Order

_ASKING: Final = frozenset({OrderSent, AmendRequested, OrderUnknown})


def asks_venue(record: OrderRecord) -> bool:
    """Whether `requests_of` gives anything."""
    for event in record.events:  # no generator: this runs for every record
        if type(event) in _ASKING or (isinstance(event, CancelRequested) and event.order_id is not None):
            return True
        if isinstance(event, ReportUnmatched) and event.connector is not None:
            return True
    return False


def requests_of(record: OrderRecord, tenant_id: str) -> tuple[venues.VenueRequest, ...]:
    """What the record asks of the venues, in the order of its events; an unknown order is asked after, and that of a report
    that fits nothing.
    """
    images = {order.order_id: order for order in record.orders}
    found = (
        _question(event, record, tenant_id)
        if isinstance(event, ReportUnmatched)
        else _request(event, images, record.seq, tenant_id)
        for event in record.events
    )
    return tuple(request for request in found if request is not None)


def _question(event: ReportUnmatched, record: OrderRecord, tenant_id: str) -> venues.QueryRequest | None:
    if event.symbol is None or event.connector is None:
        return None
    return venues.QueryRequest(event.order_id, record.seq, tenant_id, record.account_id, event.connector, event.symbol)


def _request(event: Event, images: dict[str, Order], seq: int, tenant_id: str) -> venues.VenueRequest | None:
    order_id = getattr(event, "order_id", None)
    order = images.get(order_id) if order_id is not None else None
    if order is None:
        return None
    common: dict[str, Any] = {
        "order_id": order.order_id,
        "seq": seq,
        "tenant_id": tenant_id,
        "account_id": order.account_id,
        "connector": order.connector or "",
        "symbol": order.symbol,
    }
    match event:
        case OrderSent():
            return _submit(order, event, common)
        case AmendRequested():
            return venues.AmendRequest(
                price=event.price,
                quantity=event.quantity,
                time_in_force=event.time_in_force,
                valid_until=format_timestamp(event.valid_until),
                **common,
            )
        case CancelRequested():
            return venues.CancelRequest(**common)
        case OrderUnknown():
            return venues.QueryRequest(**common)
        case _:
            return None


def _submit(order: Order, event: OrderSent, common: dict[str, Any]) -> venues.SubmitRequest:
    return venues.SubmitRequest(
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        time_in_force=order.time_in_force,
        valid_until=format_timestamp(event.valid_until),
        price=order.price,
        stop_price=order.stop_price,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        client_order_id=order.client_order_id,
        worst_price=order.reserve_price if order.type == "market" else None,
        **common,
    )
