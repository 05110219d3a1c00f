"""The writes of trading. Reads of orders and fills are in read_routes.py."""

from typing import Final

from gateway.http.edge import Edge
from gateway.http.limits import LimitName
from gateway.http.routes import Routes
from gateway.market.ports import ReferenceSource
from gateway.trading.account_writes import AccountWrites
from gateway.trading.amend import Amending
from gateway.trading.cancel import Canceling
from gateway.trading.deciding import Deciding
from gateway.trading.paths import ONE_ORDER
from gateway.trading.place import Placing, batch_cost
from gateway.trading.ports import AnswerSource, OrderSource, ProgressSource, RequestStore
from gateway.trading.requests import OrderRequestBook
from gateway.trading.room import Room, room_for_orders, room_for_protection
from ops.runtime.identifiers import Identifiers
from storage.decisions.decisions import Decisions

BUILT: Final = frozenset(
    {
        "placeOrder",
        "placeBatchOrders",
        "amendOrder",
        "cancelOrders",
        "cancelAllOrders",
        "cancelAllAfter",
        "setTradingState",
    }
)
ORDER_LIMITS: Final[tuple[LimitName, ...]] = ("orders", "orders-day")
CANCEL_LIMITS: Final[tuple[LimitName, ...]] = ("cancels",)


def register_trading(
    routes: Routes,
    edge: Edge,
    *,
    decisions: Decisions,
    requests: RequestStore,
    answers: AnswerSource,
    orders: OrderSource,
    accounts: ProgressSource,
    reference: ReferenceSource,
    identifiers: Identifiers,
    settle_seconds: float,
) -> None:
    """Add the write routes, all for keys with `trade:write`."""

    def begins_and_asks(room: Room) -> tuple[OrderRequestBook, Deciding]:
        return OrderRequestBook(requests, identifiers, room), Deciding(decisions, answers, accounts, room)

    of_orders, of_protection = begins_and_asks(room_for_orders()), begins_and_asks(room_for_protection())
    placing, amending = Placing(*of_orders, reference), Amending(*of_orders, answers, orders)
    canceling = Canceling(*of_protection, orders, reference, settle_seconds)
    account = AccountWrites(*of_protection)
    for method, path, operation, handler, limits, cost in (
        ("POST", "/v1/orders", "placeOrder", placing.one, ORDER_LIMITS, None),
        ("POST", "/v1/orders/batch", "placeBatchOrders", placing.batch, ORDER_LIMITS, batch_cost),
        ("POST", "/v1/orders/cancel", "cancelOrders", canceling.selected, CANCEL_LIMITS, None),
        ("POST", "/v1/orders/cancel-all", "cancelAllOrders", canceling.all, CANCEL_LIMITS, None),
        ("POST", "/v1/orders/cancel-all-after", "cancelAllAfter", account.cancel_all_after, CANCEL_LIMITS, None),
        ("PUT", "/v1/accounts/trading-state", "setTradingState", account.trading_state, CANCEL_LIMITS, None),
    ):
        routes.write(method, path, operation, edge.signed_write(operation, "trade:write", handler, limits, cost))
    amend = edge.signed_write("amendOrder", "trade:write", amending.one, ORDER_LIMITS)
    routes.add("PATCH", ONE_ORDER, "amendOrder", amend)
