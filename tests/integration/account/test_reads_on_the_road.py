"""What a client has just written is there to read, at the seq that the write said, over every log and store."""

import json
from decimal import Decimal
from typing import Any

from tests.integration.orders.trading_place import COIN, TradingPlace
from tests.integration.trading.trading_desk import Answered, TradingGateway, street


async def read(gateway: TradingGateway, target: str, least: int = 0) -> Answered:
    path, _, query = target.partition("?")
    response = await gateway.app.test_client().open(
        path,
        headers={"X-Min-Account-Seq": str(least)},
        scope_base={"raw_path": path.encode(), "query_string": query.encode(), "client": ("127.0.0.1", 1)},
    )
    return Answered(response.status_code, await response.get_data(), response.headers)


async def every_page(gateway: TradingGateway, target: str, size: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    token = ""
    while token is not None:
        data = (await read(gateway, f"{target}?page_size={size}{token and '&page_token=' + token}")).data
        items += data["items"]
        token = data["next_page_token"]
    return items


async def test_a_write_is_read_at_its_seq(place: TradingPlace):
    async with street(place) as [gateway]:
        for number in range(5):
            placed = await gateway.place(
                f"write-key-{number}", client_order_id=f"mine-{number}", price=f"{50000 + number}"
            )
            shown = await read(gateway, f"/v1/orders/{placed.data['order_id']}", placed.seq)
            assert shown.data["as_of_seq"] >= placed.seq
            assert shown.data["client_order_id"] == f"mine-{number}"
        pages = await every_page(gateway, "/v1/orders", 2)
        assert [item["client_order_id"] for item in pages] == [f"mine-{number}" for number in reversed(range(5))]
        denied = await gateway.place("denied-key", price="51000", client_order_id="mine-0")
        order_id = denied.error["details"]["order_id"]
        shown = await read(gateway, f"/v1/orders/{order_id}", denied.seq)
        assert (shown.data["status"], shown.data["reason"]) == ("rejected", "order.duplicate_client_id")
        lived = (await read(gateway, "/v1/orders/by-client-id/mine-0")).data
        assert lived["price"] == "50000"


async def test_fill_position_and_account_to_the_last_digit(place: TradingPlace):
    async with street(place) as [gateway]:
        bought = await gateway.place("buying-key", type="market", price=None, quantity="0.1")
        order_id, seq = bought.data["order_id"], bought.seq
        order: dict[str, Any] = bought.data
        while order["status"] != "filled":
            order = (await read(gateway, f"/v1/orders/{order_id}", seq)).data
            seq = order["as_of_seq"] + 1 if order["status"] != "filled" else order["as_of_seq"]
        [fill] = (await read(gateway, f"/v1/fills?order_id={order_id}", order["seq"])).data["items"]
        assert (fill["price"], fill["quantity"], fill["liquidity"]) == ("60010", "0.1", "taker")
        [position] = (await read(gateway, "/v1/positions", order["seq"])).data["items"]
        assert (position["symbol"], position["net_qty"], position["avg_price"]) == (COIN, "0.1", "60010")
        assert (position["mark_price"], position["unrealized_pnl"]) == ("60005", "-0.5")
        account = (await read(gateway, "/v1/accounts", order["seq"])).data
        assert account["balances"] == {"USDT": str(100_000 - Decimal(fill["fee"]))}
        assert Decimal(account["equity"]) == Decimal(account["cash"]) - Decimal("0.5")
        assert (account["initial_margin"], account["reserved"]) == ("6000.5", "0")


async def test_what_is_not_there_yet_is_behind(place: TradingPlace):
    async with street(place) as [gateway]:
        behind = await read(gateway, "/v1/positions", 1_000)
        assert (behind.status, behind.error["code"], behind.error["retryable"]) == (409, "read.behind", True)
        assert json.loads(behind.body)["error"]["details"]["min_seq"] == 1_000
