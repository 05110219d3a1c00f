"""What of an order's body can be judged by the body alone: what is wrong here is 422 and never becomes a command. Pure."""

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from gateway.http.fields import CONTROL, LONGEST_TEXT, BodyReader
from ops.runtime.errors import HubError
from storage.models.orders import OrderType, Side, TimeInForce

SIDES: Final = ("buy", "sell")
TYPES: Final = ("market", "limit", "stop")
TIMES_IN_FORCE: Final = ("DAY", "GTC", "IOC", "FOK")
MOST_ORDER_IDS: Final = 500
MOST_ITEMS: Final = 50


class NewOrder(msgspec.Struct, frozen=True):
    """The fields of a `PlaceOrder` that a body gives."""

    symbol: str
    side: Side
    order_type: OrderType
    quantity: str | None
    notional: str | None
    price: str | None
    stop_price: str | None
    time_in_force: TimeInForce | None
    venue: str | None
    reduce_only: bool
    post_only: bool
    strategy_id: str | None
    client_order_id: str | None


class NewTerms(msgspec.Struct, frozen=True):
    """The fields of an `AmendOrder` that a body gives."""

    price: str | None
    quantity: str | None
    time_in_force: TimeInForce | None


class Selector(msgspec.Struct, frozen=True):
    """Which orders to cancel: those that every given part picks."""

    order_ids: tuple[str, ...] | None = None
    symbol: str | None = None
    strategy_id: str | None = None


def new_order(body: Mapping[str, Any]) -> NewOrder:
    """The order that a body describes. Raises `request.invalid`."""
    reader = BodyReader(body)
    order = NewOrder(
        symbol=reader.text("symbol", required=True) or "",
        side=cast("Side", reader.choice("side", SIDES, required=True)),
        order_type=cast("OrderType", reader.choice("type", TYPES, required=True)),
        quantity=reader.number("quantity"),
        notional=reader.number("notional"),
        price=reader.number("price"),
        stop_price=reader.number("stop_price"),
        time_in_force=cast("TimeInForce | None", reader.choice("time_in_force", TIMES_IN_FORCE)),
        venue=reader.text("venue"),
        reduce_only=reader.flag("reduce_only"),
        post_only=reader.flag("post_only"),
        strategy_id=reader.text("strategy_id"),
        client_order_id=reader.text("client_order_id"),
    )
    _check_sizes(reader, order)
    _check_prices(reader, order)
    _check_post_only(reader, order)
    reader.finish()
    return order


def new_terms(body: Mapping[str, Any]) -> NewTerms:
    """What an amend asks for. Raises `request.invalid`."""
    reader = BodyReader(body)
    terms = NewTerms(
        price=reader.number("price"),
        quantity=reader.number("quantity"),
        time_in_force=cast("TimeInForce | None", reader.choice("time_in_force", TIMES_IN_FORCE)),
    )
    if not body:
        reader.refuse("price", "missing", "at least one of price, quantity and time_in_force")
    reader.finish()
    return terms


def selector(body: Mapping[str, Any]) -> Selector:
    """What `POST /v1/orders/cancel` selects. Raises `request.invalid`, and `cancel.empty_selector` for what selects nothing."""
    reader = BodyReader(body)
    order_ids = reader.array("order_ids")
    symbol = reader.text("symbol", nullable=True)
    strategy_id = reader.text("strategy_id", nullable=True)
    if order_ids is not None and not _are_ids(order_ids):
        reader.refuse(
            "order_ids",
            "not order ids",
            f"an array of 1 to {MOST_ORDER_IDS} strings of 1 to 128 characters, no control ones",
        )
    reader.finish()
    if order_ids == [] or (order_ids, symbol, strategy_id) == (None, None, None):
        raise HubError("cancel.empty_selector")
    return Selector(tuple(order_ids) if order_ids is not None else None, symbol, strategy_id)


def wide_selector(body: Mapping[str, Any]) -> Selector:
    """What `POST /v1/orders/cancel-all` selects: everything, unless narrowed. Raises `request.invalid`."""
    reader = BodyReader(body)
    found = Selector(None, reader.text("symbol", nullable=True), reader.text("strategy_id", nullable=True))
    reader.finish()
    return found


def batch_items(body: Mapping[str, Any]) -> list[Any]:
    """The items of a batch, not looked at yet. Raises `request.invalid` for a list that is none."""
    reader = BodyReader(body)
    items = reader.array("orders", required=True)
    if items is not None and not 1 <= len(items) <= MOST_ITEMS:
        reader.refuse("orders", "out of range", f"1 to {MOST_ITEMS} orders")
    reader.finish()
    return items or []


def _are_ids(order_ids: list[Any]) -> bool:
    return len(order_ids) <= MOST_ORDER_IDS and all(_is_id(one) for one in order_ids)


def _is_id(one: Any) -> bool:
    return isinstance(one, str) and 1 <= len(one) <= LONGEST_TEXT and CONTROL.search(one) is None


def _check_sizes(reader: BodyReader, order: NewOrder) -> None:
    if reader.has("quantity") == reader.has("notional"):
        reason = "given beside notional" if reader.has("quantity") else "missing"
        reader.refuse("quantity", reason, "exactly one of quantity and notional")
    if reader.has("notional") and order.order_type in {"limit", "stop"}:
        reader.refuse("notional", f"given for a {order.order_type} order", "only for market orders")


def _check_prices(reader: BodyReader, order: NewOrder) -> None:
    match order.order_type:
        case "limit" if not reader.has("price"):
            reader.refuse("price", "missing", "a limit order needs one")
        case "stop" if not reader.has("stop_price"):
            reader.refuse("stop_price", "missing", "a stop order needs one")
        case "market" if reader.has("price"):
            reader.refuse("price", "given for a market order", "only for limit and stop-limit orders")
    if reader.has("stop_price") and order.order_type in {"market", "limit"}:
        reader.refuse("stop_price", f"given for a {order.order_type} order", "only for stop orders")


def _check_post_only(reader: BodyReader, order: NewOrder) -> None:
    if not order.post_only:
        return
    if order.order_type in {"market", "stop"}:
        reader.refuse("post_only", f"given for a {order.order_type} order", "only for limit orders")
    if order.time_in_force in {"IOC", "FOK"}:
        reader.refuse("post_only", f"given with {order.time_in_force}", "only with GTC or DAY")
