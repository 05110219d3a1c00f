"""A road of orders that ends in memory: what stands behind the edge in the REST benchmark, at next to no cost."""

from collections import OrderedDict
from collections.abc import Sequence

from storage.command_messages import command_message
from storage.decisions.decisions import Decisions
from storage.decisions.watch import Watch
from storage.models.order_commands import Command, PlaceOrder
from storage.models.order_events import OrderAccepted
from storage.models.order_records import Cause, OrderRecord, Used
from storage.models.order_requests import OrderRequest
from storage.models.orders import Order
from storage.topics import ORDER_COMMANDS

_KEPT = 1_000
_MOMENT = "2026-01-02T03:04:05.678901234Z"


class AcceptedAtOnce(Decisions):
    """Makes the message of each command, which is where the edge ends, and accepts it in the same call."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []

    async def ready(self) -> None:
        """At once."""

    def watch(self, account_id: str) -> Watch:
        """Of whichever account: one order is placed at a time."""
        return Watch(account_id, self._watches.append, self._watches.remove)

    async def publish(self, commands: Sequence[Command], traceparent: str | None = None) -> None:
        """Nothing is appended; whoever watches hears that it was accepted."""
        for command in commands:
            command_message(command, traceparent)
            if isinstance(command, PlaceOrder):
                record = _accepted(command)
                for watch in self._watches:
                    watch.offer(record)


class Requests:
    """The last order requests in a dict: the store's part is not the edge's."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, OrderRequest] = OrderedDict()

    async def claim(self, request: OrderRequest) -> OrderRequest:
        """The one that is kept under this identity."""
        if len(self._kept) >= _KEPT:
            self._kept.popitem(last=False)
        return self._kept.setdefault(request.identity, request)

    async def get(self, identity: str) -> OrderRequest | None:
        """As it is kept."""
        return self._kept.get(identity)


def _accepted(command: PlaceOrder) -> OrderRecord:
    order = Order(
        order_id=command.order_id, client_order_id=command.client_order_id, account_id=command.account_id,
        symbol=command.symbol, venue="BINANCE", connector=None, side=command.side, type=command.order_type,
        state="accepted", status="new", quantity=command.quantity or "0", filled_quantity="0",
        remaining_quantity=command.quantity or "0", price=command.price, stop_price=None, time_in_force="IOC",
        reduce_only=False, post_only=False, strategy_id=None, notional="1000", currency="USD", avg_price=None,
        filled_value="0", fees="0", reserve_price="1", reserved="1", multiplier="1", margin_rate="1", uncertain=False,
        pending=None, reason=None, created_at=_MOMENT, updated_at=_MOMENT, seq=1,
    )  # fmt: skip
    cause = Cause(ORDER_COMMANDS, 1, command.command_id)
    events = (OrderAccepted(order.order_id, "", command.client_order_id),)
    return OrderRecord(command.account_id, 1, 1, cause, _MOMENT, events, (order,), (), None, Used((), 1))
