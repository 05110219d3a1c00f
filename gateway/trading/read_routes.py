"""The routes of order and fill reads, counted by key together with those of the account."""

from gateway.account.standing import Standing, bounded
from gateway.http.calls import SignedHandler
from gateway.http.edge import Edge, Endpoint
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from gateway.market.ports import ReferenceSource
from gateway.trading.paths import ONE_ORDER
from gateway.trading.reads import FillPages, FillReads, OrderPages, OrderReads

BUILT = frozenset({"listOrders", "getOrder", "getOrderByClientId", "listFills"})


def register_trading_reads(
    routes: Routes,
    edge: Edge,
    *,
    standing: Standing,
    orders: OrderPages,
    fills: FillPages,
    reference: ReferenceSource,
    tokens: PageTokens,
) -> None:
    """Add the reads, all for keys with `trade:read`."""

    def signed(operation: str, handler: SignedHandler) -> Endpoint:
        return edge.signed(operation, "trade:read", 1, handler, "account")

    reads = OrderReads(standing, orders, reference, tokens)
    filled = FillReads(standing, fills, orders, reference, tokens)
    routes.read("/v1/orders", "listOrders", signed("listOrders", bounded(reads.list)))
    routes.read("/v1/fills", "listFills", signed("listFills", bounded(filled.list)))
    routes.add("GET", ONE_ORDER, "getOrder", signed("getOrder", bounded(reads.by_id)))
    by_client_id = signed("getOrderByClientId", bounded(reads.by_client_id))
    routes.add("GET", "/v1/orders/by-client-id/<rest:client_order_id>", "getOrderByClientId", by_client_id)
