"""First step on the road of an order, `POST /v1/orders` and `/batch`: orders become commands; their records answer."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.http.calls import Reply, SignedCall
from gateway.market.ports import ReferenceSource
from gateway.trading.deciding import Deciding, KnownAnswer
from gateway.trading.order_view import OrderView
from gateway.trading.outcomes import (
    LATE,
    UNKNOWN,
    answered,
    encode,
    order_reply,
    refusal_of,
    refuse,
    success,
    view_of,
)
from gateway.trading.requests import Begun, OrderRequestBook, account_of
from gateway.trading.shape import NewOrder, batch_items, new_order
from ops.runtime.errors import HubError
from storage.models.order_commands import PlaceOrder


class BatchResult(msgspec.Struct, frozen=True):
    """One item of a batch: `order` where it is `ok`, else `error_code` and `details`."""

    index: int
    ok: bool
    order_id: str | UnsetType = UNSET
    error_code: str | UnsetType = UNSET
    details: dict[str, Any] | UnsetType = UNSET
    order: OrderView | UnsetType = UNSET


class Placing:
    """Places orders."""

    def __init__(self, book: OrderRequestBook, deciding: Deciding, reference: ReferenceSource) -> None:
        self._book = book
        self._deciding = deciding
        self._reference = reference

    async def one(self, call: SignedCall, body: dict[str, Any]) -> Reply:
        """`data`: the accepted order. Raises what it was refused or denied for; `order.outcome_unknown` when nobody says."""
        account_id = account_of(call)
        order = new_order(body)
        if not self._is_known(order) and not await self._book.known(call):
            raise HubError("market.unknown_symbol", {"symbols": [order.symbol]})
        begun = await self._book.begin(call, account_id, (True,), makes_orders=True)
        order_id, command = begun.request.order_ids[0], _command(begun, 0, order)
        with self._deciding.watch(account_id) as watch:
            decided = await self._deciding.decide(begun, [command], watch)
        answer = answered(begun, decided.get(command.command_id), {"order_id": order_id}).answer
        if answer.code is not None:
            refuse(begun, answer, order_id)
        return order_reply(begun, answer, order_id)

    async def batch(self, call: SignedCall, body: dict[str, Any]) -> Reply:
        """`data.results`: what came of each item, in order. Raises `request.invalid` for a malformed list."""
        account_id = account_of(call)
        read = [_read(item) for item in batch_items(body)]
        wanted = [isinstance(item, NewOrder) and self._is_known(item) for item in read]
        begun = await self._book.begin(call, account_id, wanted, makes_orders=True)
        commands = {
            index: _command(begun, index, item)
            for index, item in enumerate(read)
            if isinstance(item, NewOrder) and begun.request.command_ids[index]
        }
        decided: dict[str, KnownAnswer] = {}
        if commands:
            with self._deciding.watch(account_id) as watch:
                decided = await self._deciding.decide(begun, list(commands.values()), watch)
        results = [
            _result(index, commands[index], decided.get(commands[index].command_id))
            if index in commands
            else _refused(index, item)
            for index, item in enumerate(read)
        ]
        whole = begun if len(decided) == len(commands) else begun._replace(repeated=False)
        seq = max((one.answer.seq if one.answer else one.seq for one in decided.values()), default=None)
        return success(whole, seq, b'{"results":%b}' % encode(results))

    def _is_known(self, order: NewOrder) -> bool:
        return order.symbol in self._reference().instruments


def batch_cost(body: Mapping[str, Any]) -> int:
    """What a batch costs of the limits: its items."""
    items = body.get("orders")
    return max(1, len(items)) if isinstance(items, list) else 1


def _command(begun: Begun, index: int, order: NewOrder) -> PlaceOrder:
    request = begun.request
    return PlaceOrder(
        command_id=request.command_ids[index],
        account_id=begun.account_id,
        issued_at=request.issued_at,
        order_id=request.order_ids[index],
        valid_until=request.valid_until,
        **msgspec.structs.asdict(order),
    )


def _read(item: Any) -> NewOrder | HubError:
    if not isinstance(item, dict):
        fields = [{"name": "orders", "reason": "not an object", "expected": "an order"}]
        return HubError("request.invalid", {"fields": fields})
    try:
        return new_order(item)
    except HubError as error:
        return error


def _refused(index: int, item: NewOrder | HubError) -> BatchResult:
    """An item that never became a command: its shape is wrong, or its symbol was unknown."""
    if isinstance(item, HubError):
        return BatchResult(index, ok=False, error_code=item.code, details=item.details or {})
    return BatchResult(index, ok=False, error_code="market.unknown_symbol", details={"symbols": [item.symbol]})


def _result(index: int, command: PlaceOrder, decided: KnownAnswer | None) -> BatchResult:
    order_id = command.order_id
    if decided is None or decided.answer is None:
        return BatchResult(index, ok=False, order_id=order_id, error_code=UNKNOWN if decided is None else LATE)
    if decided.answer.code is not None:
        code, details, _ = refusal_of(decided.answer, order_id)
        return BatchResult(index, ok=False, order_id=order_id, error_code=code, details=details)
    order = view_of(decided.answer, order_id)
    return BatchResult(index, ok=True, order_id=order.order_id, order=order)
