"""An order as REST shows it: the contract's fields and those that we add, without what only the core needs. Pure."""

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from storage.models.orders import Order, OrderStatus, OrderType, Pending, Side, TimeInForce


class OrderView(msgspec.Struct, frozen=True, gc=False):
    """The wire form. `client_order_id` and `connector` are left out where there is none, as the contract's are never null;
    `duplicate` stands only in an answer that names the order of before.
    """

    order_id: str
    client_order_id: str | UnsetType
    status: OrderStatus
    symbol: str
    venue: str
    side: Side
    type: OrderType
    quantity: str
    filled_quantity: str
    remaining_quantity: str
    price: str | None
    stop_price: str | None
    time_in_force: TimeInForce
    reduce_only: bool
    post_only: bool
    strategy_id: str | None
    notional: str
    avg_price: str | None
    fees: str
    connector: str | UnsetType
    reason: str | None
    upstream_code: str | None
    uncertain: bool
    pending: Pending | None
    created_at: str
    updated_at: str
    seq: int
    duplicate: bool | UnsetType = UNSET


encode_view: Final = msgspec.json.Encoder().encode


def order_view(order: Order, *, duplicate: bool = False) -> OrderView:
    """What a client sees of `order`; `duplicate`: it was there before the request."""
    return OrderView(
        order_id=order.order_id,
        client_order_id=UNSET if order.client_order_id is None else order.client_order_id,
        status=order.status,
        symbol=order.symbol,
        venue=order.venue,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        remaining_quantity=order.remaining_quantity,
        price=order.price,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force,
        reduce_only=order.reduce_only,
        post_only=order.post_only,
        strategy_id=order.strategy_id,
        notional=order.notional,
        avg_price=order.avg_price,
        fees=order.fees,
        connector=UNSET if order.connector is None else order.connector,
        reason=order.reason,
        upstream_code=order.upstream_code,
        uncertain=order.uncertain,
        pending=order.pending,
        created_at=order.created_at,
        updated_at=order.updated_at,
        seq=order.seq,
        duplicate=True if duplicate else UNSET,
    )
