"""Last step on the road of an order (d): reads of orders and fills out of the read models.

Pages stand still; single orders are read by id and by the client's own id.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol, cast

from gateway.account.standing import Standing, not_found, shown
from gateway.http.calls import Reply, SignedCall
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.market.moments import moment
from gateway.market.ports import ReferenceSource
from gateway.market.symbols import known_symbol
from gateway.trading.order_view import order_view
from storage.models.orders import Order, OrderStatus
from storage.models.read_models import Cursor, Fill, FillFilters, OrderFilters
from storage.mongo.fills import cursor_of as cursor_of_fill
from storage.mongo.orders import cursor_of as cursor_of_order

MOST_ITEMS: Final = 500
USUAL_ITEMS: Final = 50
STATUSES: Final = ("new", "partially_filled", "filled", "canceled", "rejected")
_FILL_FIELDS: Final = (
    "fill_id", "order_id", "symbol", "side", "price", "quantity", "fee", "fee_currency", "liquidity", "ts", "seq",
)  # fmt: skip


class OrderPages(Protocol):
    """The orders (storage/mongo/orders.py)."""

    async def get(self, account_id: str, order_id: str) -> Order | None: ...
    async def by_client_id(self, account_id: str, client_order_id: str) -> Order | None: ...
    async def page(self, account_id: str, filters: OrderFilters, after: Cursor | None, limit: int) -> list[Order]: ...


class FillPages(Protocol):
    """The fills (storage/mongo/fills.py)."""

    async def page(self, account_id: str, filters: FillFilters, after: Cursor | None, limit: int) -> list[Fill]: ...


class _Asked(NamedTuple):
    """A list as it is asked for: filters by name as they were sent, times in ns, and which page."""

    filters: Mapping[str, str | None]
    start: int | None
    end: int | None
    size: int
    token: str | None


class OrderReads:
    """Answers orders. Every read raises what `Standing.of` raises."""

    def __init__(self, standing: Standing, orders: OrderPages, reference: ReferenceSource, tokens: PageTokens) -> None:
        self._standing = standing
        self._orders = orders
        self._reference = reference
        self._tokens = tokens

    async def list(self, call: SignedCall) -> Reply:
        """A page, newest first. Raises `request.invalid`, `market.unknown_symbol` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        status = reader.choice("status", STATUSES)
        asked = _asked(reader, {"status": status, "strategy_id": reader.text("strategy_id")})
        known_symbol(self._reference(), asked.filters["symbol"])
        opened = await self._standing.of(call)
        filters = OrderFilters(
            statuses=None if status is None else (cast("OrderStatus", status),),
            symbol=asked.filters["symbol"],
            strategy_id=asked.filters["strategy_id"],
            start=asked.start,
            end=asked.end,
        )
        about = {**asked.filters, "account": opened.account_id}
        after = _after(self._tokens, "orders", about, asked.token)
        found = await self._orders.page(opened.account_id, filters, after, asked.size + 1)
        page = found[: asked.size]
        more = cursor_of_order(page[-1]) if len(found) > asked.size else None
        token = _token(self._tokens, "orders", about, more)
        return shown({"items": [order_view(order) for order in page], "next_page_token": token}, opened.as_of_seq)

    async def by_id(self, call: SignedCall) -> Reply:
        """One order. Raises `order.not_found`, for another account's too."""
        opened = await self._standing.of(call)
        order_id = call.path["order_id"]
        order = await self._orders.get(opened.account_id, order_id)
        if order is None:
            raise not_found("order.not_found", {"order_id": order_id}, opened.as_of_seq)
        return shown(order_view(order), opened.as_of_seq)

    async def by_client_id(self, call: SignedCall) -> Reply:
        """The newest order of that client id that lived; if all were denied, the newest. Raises `order.not_found`."""
        opened = await self._standing.of(call)
        client_order_id = call.path["client_order_id"]
        order = await self._orders.by_client_id(opened.account_id, client_order_id)
        if order is None:
            raise not_found("order.not_found", {"client_order_id": client_order_id}, opened.as_of_seq)
        return shown(order_view(order), opened.as_of_seq)


class FillReads:
    """Answers fills."""

    def __init__(
        self,
        standing: Standing,
        fills: FillPages,
        orders: OrderPages,
        reference: ReferenceSource,
        tokens: PageTokens,
    ) -> None:
        self._standing = standing
        self._fills = fills
        self._orders = orders
        self._reference = reference
        self._tokens = tokens

    async def list(self, call: SignedCall) -> Reply:
        """A page, newest first. Raises what `Standing.of` raises, `request.invalid`, `market.unknown_symbol`,
        `order.not_found` or `page_token.not_found`.
        """
        reader = QueryReader(call.query)
        asked = _asked(reader, {"order_id": reader.text("order_id")})
        known_symbol(self._reference(), asked.filters["symbol"])
        opened = await self._standing.of(call)
        order_id = asked.filters["order_id"]
        if order_id is not None and await self._orders.get(opened.account_id, order_id) is None:
            raise not_found("order.not_found", {"order_id": order_id}, opened.as_of_seq)
        about = {**asked.filters, "account": opened.account_id}
        after = _after(self._tokens, "fills", about, asked.token)
        filters = FillFilters(order_id, asked.filters["symbol"], asked.start, asked.end)
        found = await self._fills.page(opened.account_id, filters, after, asked.size + 1)
        page = found[: asked.size]
        more = cursor_of_fill(page[-1]) if len(found) > asked.size else None
        items = [{name: getattr(fill, name) for name in _FILL_FIELDS} for fill in page]
        token = _token(self._tokens, "fills", about, more)
        return shown({"items": items, "next_page_token": token}, opened.as_of_seq)


def _asked(reader: QueryReader, filters: dict[str, str | None]) -> _Asked:
    start, end = moment("start", reader), moment("end", reader)
    size = reader.whole("page_size", 1, MOST_ITEMS, USUAL_ITEMS)
    sent = {"symbol": reader.text("symbol"), "start": reader.text("start"), "end": reader.text("end"), **filters}
    token = reader.text("page_token")
    reader.finish()
    return _Asked(sent, start, end, size, token)


def _after(tokens: PageTokens, listing: str, about: Mapping[str, str | None], token: str | None) -> Cursor | None:
    if token is None:
        return None
    at, _, identity = tokens.open(listing, about, token).partition("|")
    return Cursor(int(at), identity)


def _token(tokens: PageTokens, listing: str, about: Mapping[str, str | None], last: Cursor | None) -> str | None:
    return None if last is None else tokens.make(listing, about, f"{last.at}|{last.identity}")
