"""`GET /internal/v1/admin/orders`: the orders of all accounts, newest first."""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from gateway.admin.acts import encode
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.listing import NewestFirst, page_asked
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.market.moments import moment
from gateway.market.symbols import known_symbol
from gateway.trading.order_view import order_view
from gateway.trading.reads import STATUSES
from storage.models.orders import Order, OrderStatus
from storage.models.read_models import OrdersOfAll
from storage.mongo.orders import cursor_of

_FILTERS: Final = ("account_id", "tenant_id", "status", "symbol", "start", "end")


class OrderDesk:
    """Shows orders to admins, each with whose it is."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._tokens = parts, tokens

    async def list(self, call: BearerCall) -> bytes:
        """Filters `account_id`, `tenant_id`, `status`, `symbol`, `start` <= created < `end`, all of which must fit.

        Raises `request.invalid`, `market.unknown_symbol` or `page_token.not_found`. Accounts and tenants that are not there
        have no orders.
        """
        reader = QueryReader(call.query)
        status = cast("OrderStatus | None", reader.choice("status", STATUSES))
        start, end = moment("start", reader), moment("end", reader)
        sent = {name: reader.text(name) for name in _FILTERS}
        asked = page_asked(reader)
        reader.finish()
        known_symbol(self._parts.reference(), sent["symbol"])
        page = NewestFirst("orders of all", sent, asked, self._tokens)
        after = page.after
        accounts = await self._accounts(sent["account_id"], sent["tenant_id"])
        filters = OrdersOfAll(accounts, status, sent["symbol"], start, end)
        found = await self._parts.orders.page_of_all(filters, after, page.size + 1)
        orders, token = page.cut(found, cursor_of)
        return encode({"items": await self._shown(orders), "next_page_token": token})

    async def _accounts(self, account_id: str | None, tenant_id: str | None) -> tuple[str, ...] | None:
        """Of which accounts; None: of all."""
        asked = None if account_id is None else (account_id,)
        if tenant_id is None:
            return asked
        tenant = (await self._parts.tenants.get_many({tenant_id})).get(tenant_id)
        own = () if tenant is None else tuple(tenant.account_ids)
        return own if asked is None else tuple(one for one in asked if one in own)

    async def _shown(self, orders: Sequence[Order]) -> Sequence[dict[str, Any]]:
        accounts = await self._parts.accounts.get_many({order.account_id for order in orders})
        tenants = {name: one.account.tenant_id for name, one in accounts.items() if one.account is not None}
        return [
            {
                "account_id": order.account_id,
                "tenant_id": tenants.get(order.account_id),
                **msgspec.to_builtins(order_view(order)),
            }
            for order in orders
        ]
