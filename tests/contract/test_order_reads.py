"""Reads of orders and fills: filters, pages that stand still, single orders, and nothing of anybody else's."""

from urllib.parse import quote

import pytest
from msgspec.structs import replace

from ops.runtime.timestamps import format_timestamp
from tests.contract.account_data import SECOND, fill, order


def ids(data):
    return [item.get("fill_id") or item["order_id"] for item in data["items"]]


async def all_of(gateway, target, size):
    """The ids of every page."""
    found, token = [], ""
    while token is not None:
        data = await gateway.data(
            f"{target}{'&' if '?' in target else '?'}page_size={size}{token and f'&page_token={token}'}"
        )
        found += ids(data)
        token = data["next_page_token"]
    return found


async def test_orders_newest_first_and_only_ones_own(gateway):
    assert ids(await gateway.data("/v1/orders")) == ["ord_6", "ord_5", "ord_4", "ord_3", "ord_2", "ord_1"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=new", ["ord_6", "ord_2"]),
        ("status=partially_filled", ["ord_3"]),
        ("status=filled", ["ord_1"]),
        ("status=canceled", ["ord_4"]),
        ("status=rejected", ["ord_5"]),
        ("symbol=TSLA.US", ["ord_4"]),
        ("strategy_id=grid", ["ord_2"]),
        ("strategy_id=none", []),
        ("start=2024-08-08T14:29:30Z", ["ord_6", "ord_5", "ord_4"]),
        ("end=2024-08-08T14:29:30Z", ["ord_3", "ord_2", "ord_1"]),
        ("start=2024-08-08T23:29:10%2B09:00&end=2024-08-08T14:29:20Z", ["ord_2"]),
        ("start=2024-08-08T14:30:00Z&end=2024-08-08T14:29:00Z", []),
        ("status=new&symbol=TSLA.US", []),
    ],
)
async def test_order_filters(gateway, query, expected):
    assert ids(await gateway.data(f"/v1/orders?{query}")) == expected


@pytest.mark.parametrize("field", ["status=open", "start=yesterday", "end=2024-13-01T00:00:00Z", "page_size=501"])
async def test_bad_order_filters(gateway, field):
    error = await gateway.error(f"/v1/orders?{field}", 422)
    assert [one["name"] for one in error["details"]["fields"]] == [field.partition("=")[0]]


async def test_an_order_has_every_field_and_none_of_the_cores_own(gateway):
    items = {item["order_id"]: item for item in (await gateway.data("/v1/orders"))["items"]}
    assert items["ord_2"] == {
        "order_id": "ord_2", "client_order_id": "mine/1", "status": "new", "symbol": "AAPL.US", "venue": "XNAS",
        "side": "buy", "type": "limit", "quantity": "10", "filled_quantity": "0", "remaining_quantity": "10",
        "price": "99", "stop_price": None, "time_in_force": "GTC", "reduce_only": False, "post_only": False,
        "strategy_id": "grid", "notional": "1000", "avg_price": None, "fees": "0", "connector": "sim-a",
        "reason": None, "upstream_code": None, "uncertain": False, "pending": None, "created_at": "2024-08-08T14:29:10Z",
        "updated_at": "2024-08-08T14:29:10Z", "seq": 4,
    }  # fmt: skip
    assert "client_order_id" not in items["ord_1"]
    assert (items["ord_4"]["reason"], items["ord_4"]["upstream_code"]) == ("expired", "DAY-OVER")
    assert (items["ord_6"]["uncertain"], items["ord_6"]["pending"]) == (True, "cancel")


@pytest.mark.parametrize("size", [1, 2, 3, 6, 500])
async def test_pages_of_orders_join_to_the_whole(gateway, size):
    assert await all_of(gateway, "/v1/orders", size) == ids(await gateway.data("/v1/orders"))


async def test_orders_that_come_in_between_pages_change_nothing(gateway):
    orders = gateway.data_of_account.orders.orders
    first = await gateway.data("/v1/orders?page_size=3")
    same_moment = first["items"][-1]["created_at"]
    orders.append(order("ord_9", format_timestamp(gateway.clock.now())))
    orders.append(order("ord_0", same_moment))  # behind the cursor: made at the same time, with a lower id
    orders.append(order("ord_7", same_moment))  # before it
    orders[2] = replace(orders[2], status="filled", seq=10)
    second = await gateway.data(f"/v1/orders?page_size=50&page_token={first['next_page_token']}")
    assert ids(first) == ["ord_6", "ord_5", "ord_4"]
    assert ids(second) == ["ord_0", "ord_3", "ord_2", "ord_1"]


async def test_a_token_holds_for_its_own_list_and_filters(gateway):
    token = (await gateway.data("/v1/orders?page_size=1&status=new"))["next_page_token"]
    for target in (
        f"/v1/orders?status=filled&page_token={token}",
        f"/v1/fills?page_token={token}",
        f"/v1/orders?status=new&page_token={token[:-2]}xx",
    ):
        assert (await gateway.error(target, 404))["code"] == "page_token.not_found"


async def test_a_token_holds_for_its_own_account(gateway, remade):
    token = (await gateway.data("/v1/orders?page_size=1"))["next_page_token"]
    another = remade()
    documents = another.data_of_account.accounts.documents
    documents["acc_2"] = replace(documents["acc_1"], account_id="acc_2")
    another.tenants.tenants["ten_1"] = another.tenants.tenants["ten_1"].model_copy(update={"account_ids": ("acc_2",)})
    assert (await another.error(f"/v1/orders?page_token={token}", 404))["code"] == "page_token.not_found"


async def test_one_order(gateway):
    data = await gateway.data("/v1/orders/ord_3")
    assert (data["order_id"], data["status"], data["filled_quantity"]) == ("ord_3", "partially_filled", "4")


@pytest.mark.parametrize("order_id", ["ord_nothing", "ord_other", "batches", "acc_other%7Cord_other", "%00"])
async def test_what_is_not_there_and_what_is_anothers_are_not_told_apart(gateway, order_id):
    error = await gateway.error(f"/v1/orders/{order_id}", 404)
    assert error["code"] == "order.not_found"


@pytest.mark.parametrize("written", ["mine/1", "mine%2F1"])
async def test_an_order_by_the_clients_own_id(gateway, written):
    assert (await gateway.data(f"/v1/orders/by-client-id/{written}"))["order_id"] == "ord_2"


@pytest.mark.parametrize(
    "written",
    [
        "a/b",
        "/a",
        "a/",
        "a//b",
        "//",
        "a b",
        "50%",
        "a%2Fb",
        "a%20b",
        "注文-1",
        "ü",
        "a?b#c&d=e+f",
        "..",
        "a/../b",
        ".",
        "%",
    ],
)
@pytest.mark.parametrize("safe", ["", "/"])
async def test_any_client_id_can_be_asked_for_as_it_is_escaped(gateway, written, safe):
    orders = gateway.data_of_account.orders.orders
    orders.append(order("ord_7", format_timestamp(gateway.clock.now()), client_order_id=written))
    data = await gateway.data(f"/v1/orders/by-client-id/{quote(written, safe=safe)}")
    assert (data["order_id"], data["client_order_id"]) == ("ord_7", written)


async def test_of_one_client_id_the_order_that_lived_counts(gateway):
    orders = gateway.data_of_account.orders.orders
    orders.append(order("ord_7", format_timestamp(gateway.clock.now() - 70 * SECOND), client_order_id="x"))
    assert (await gateway.data("/v1/orders/by-client-id/x"))["order_id"] == "ord_7"
    assert (await gateway.error("/v1/orders/by-client-id/y", 404))["details"] == {"client_order_id": "y"}


async def test_fills(gateway):
    data = await gateway.data("/v1/fills")
    assert ids(data) == ["fil_2", "fil_1"]
    assert data["items"][1] == {
        "fill_id": "fil_1", "order_id": "ord_1", "symbol": "AAPL.US", "side": "buy", "price": "90", "quantity": "10",
        "fee": "0.05", "fee_currency": "USD", "liquidity": "taker", "ts": "2024-08-08T14:29:05Z", "seq": 3,
    }  # fmt: skip
    assert ids(await gateway.data("/v1/fills?order_id=ord_3")) == ["fil_2"]
    assert ids(await gateway.data("/v1/fills?order_id=ord_2")) == []
    assert ids(await gateway.data("/v1/fills?symbol=TSLA.US")) == []
    assert ids(await gateway.data("/v1/fills?end=2024-08-08T14:29:25Z")) == ["fil_1"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("order_id=ord_other", "order.not_found"),
        ("order_id=nothing", "order.not_found"),
        ("symbol=NONE", "market.unknown_symbol"),
        ("page_token=x", "page_token.not_found"),
    ],
)
async def test_fills_of_what_is_not_there(gateway, query, code):
    assert (await gateway.error(f"/v1/fills?{query}", 404))["code"] == code


async def test_pages_of_fills_of_one_moment(gateway):
    at = format_timestamp(gateway.clock.now())
    gateway.data_of_account.fills.fills += [fill(f"fil_{number}", "ord_1", at) for number in range(3, 8)]
    whole = ids(await gateway.data("/v1/fills"))
    assert len(whole) == 7
    assert await all_of(gateway, "/v1/fills", 2) == whole


@pytest.mark.parametrize("name", ["batch", "cancel", "cancel-all", "cancel-all-after"])
async def test_what_is_no_order_takes_its_own_methods_only(gateway, name):
    response = await gateway.get(f"/v1/orders/{name}")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
