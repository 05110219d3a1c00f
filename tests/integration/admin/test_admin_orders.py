"""Orders of all accounts as admins see them: whose they are, filters that narrow, pages that stand still."""

from msgspec.structs import replace

from ops.runtime.timestamps import format_timestamp
from storage.models.read_models import AccountDocument
from storage.models.tenants import Tenant
from storage.mongo.accounts import Accounts
from storage.mongo.orders import Orders
from tests.contract.account_data import account, order
from tests.integration.admin.admin_desk import AdminDesk, Calling

SECOND = 1_000_000_000


async def traded(desk: AdminDesk) -> None:
    """Two tenants; the first has two accounts. Orders `ord_0` to `ord_5`, a second apart; the last account is not yet read."""
    now = desk.clock.now()
    await desk.tenants.insert(Tenant(tenant_id="ten_a", name="A", account_ids=("acc_1", "acc_2"), created_at=now))
    await desk.tenants.insert(Tenant(tenant_id="ten_b", name="B", account_ids=("acc_3",), created_at=now))
    opened = [("acc_1", "ten_a"), ("acc_2", "ten_a")]
    for account_id, tenant_id in opened:
        held = account(format_timestamp(now), account_id=account_id, tenant_id=tenant_id)
        await Accounts(desk.database).write([AccountDocument(account_id, 9, format_timestamp(now), held)])
    for number in range(6):
        one = order(f"ord_{number}", format_timestamp(now + number * SECOND), account_id=f"acc_{number % 3 + 1}")
        changes = {"status": "filled", "state": "filled"} if number >= 4 else {}
        await Orders(desk.database).write([replace(one, **changes)])


async def ids(caller: Calling, query: str = "") -> list[str]:
    return [one["order_id"] for one in (await caller.get(f"/orders{query}")).data["items"]]


async def test_every_order_is_shown_newest_first_with_whose_it_is(desk: AdminDesk) -> None:
    await traded(desk)
    caller = await desk.log_in("compliance_admin")
    items = (await caller.get("/orders")).data["items"]
    assert [one["order_id"] for one in items] == [f"ord_{number}" for number in reversed(range(6))]
    assert [(one["account_id"], one["tenant_id"]) for one in items[:3]] == [
        ("acc_3", None), ("acc_2", "ten_a"), ("acc_1", "ten_a"),
    ]  # fmt: skip
    assert items[5]["status"] == "new"
    assert "reserved" not in items[0]


async def test_filters_narrow(desk: AdminDesk) -> None:
    await traded(desk)
    caller = await desk.log_in("ops_admin")
    start = format_timestamp(desk.clock.now() + 1 * SECOND)
    end = format_timestamp(desk.clock.now() + 4 * SECOND)
    assert await ids(caller, "?account_id=acc_1") == ["ord_3", "ord_0"]
    assert await ids(caller, "?tenant_id=ten_a") == ["ord_4", "ord_3", "ord_1", "ord_0"]
    assert await ids(caller, "?tenant_id=ten_a&account_id=acc_2&status=filled") == ["ord_4"]
    assert await ids(caller, "?status=filled") == ["ord_5", "ord_4"]
    assert await ids(caller, f"?start={start}&end={end}") == ["ord_3", "ord_2", "ord_1"]
    assert await ids(caller, "?symbol=AAPL.US&page_size=1") == ["ord_5"]
    for nobody in ("account_id=acc_none", "tenant_id=ten_none", "tenant_id=ten_b&account_id=acc_1", "symbol=TSLA.US"):
        assert await ids(caller, f"?{nobody}") == [], nobody


async def test_pages_stand_still_while_orders_come_in(desk: AdminDesk) -> None:
    await traded(desk)
    caller = await desk.log_in("super_admin")
    first = (await caller.get("/orders?tenant_id=ten_a&page_size=2")).data
    await Orders(desk.database).write(
        [order("ord_9", format_timestamp(desk.clock.now() + 9 * SECOND), account_id="acc_1")]
    )
    query = f"/orders?tenant_id=ten_a&page_size=2&page_token={first['next_page_token']}"
    rest = (await caller.get(query)).data
    assert [one["order_id"] for one in first["items"] + rest["items"]] == ["ord_4", "ord_3", "ord_1", "ord_0"]
    assert rest["next_page_token"] is None
    assert (await caller.get(query.replace("ten_a", "ten_b"))).code == "page_token.not_found"


async def test_what_is_no_filter_is_refused_by_name(desk: AdminDesk) -> None:
    caller = await desk.log_in()
    refused = (await caller.get("/orders?status=gone&start=yesterday&page_size=0")).error
    assert {one["name"] for one in refused["details"]["fields"]} == {"status", "start", "page_size"}
    unknown = await caller.get("/orders?symbol=NONE.X")
    assert (unknown.status, unknown.code) == (404, "market.unknown_symbol")
