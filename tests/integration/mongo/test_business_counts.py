"""Counts over the collections of others, on both adapters: exact, however much there is to add up."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ops.runtime.clock import SystemClock
from storage.models.applications import APPLICATION_STATUSES
from storage.models.money import from_parts, money, whole_and_parts
from storage.models.orders import Order
from storage.models.people import User
from storage.models.read_models import Cursor, Fill, OrdersOfAll
from storage.mongo.business_counts import BusinessCounts, Traded
from storage.mongo.connect import connect
from storage.mongo.documents import Database
from storage.mongo.fills import Fills
from storage.mongo.migrations import migrate
from storage.mongo.orders import Orders, cursor_of
from storage.mongo.users import Users
from tests.integration.mongo.test_read_model_repositories import fill, order

MINUTE = 1_714_557_600_000_000_000  # 2024-05-01T10:00:00Z
SECOND = 1_000_000_000


def traded(name: str, second: int, notional: str, currency: str = "USD") -> Fill:
    return replace(fill(name, second), notional=notional, currency=currency)


def names(orders: Sequence[Order]) -> list[str]:
    return [one.order_id for one in orders]


async def test_nothing_is_nothing(database: Database) -> None:
    counts = BusinessCounts(database)
    assert set((await counts.orders()).values()) == set((await counts.users()).values()) == {0}
    assert tuple(await counts.applications()) == APPLICATION_STATUSES
    assert (await counts.traded(), await counts.waitlist(), await counts.orders_since(0)) == ([], 0, 0)
    assert await counts.standing_alerts() == {"info": 0, "warning": 0, "critical": 0}


async def test_orders_and_users_by_status(database: Database) -> None:
    counts = BusinessCounts(database)
    await Orders(database).write([order("a", 1), order("b", 2, status="filled"), order("c", 3, status="filled")])
    await Orders(database).insert_denied([order("d", 4, status="rejected", state="denied")])
    for number, status in enumerate(("active", "active", "closed")):
        user = User(
            user_id=f"usr_{number}", tenant_id="ten", email=f"{number}@x.com", display_name="A", company_name="B",
            country_region="CH", status=status, password_hash="x", created_at=number,
        )  # fmt: skip
        await Users(database).insert(user)
    assert await counts.orders() == {"new": 1, "partially_filled": 0, "filled": 2, "canceled": 0, "rejected": 1}
    assert await counts.orders_since(MINUTE + 3 * SECOND) == 2
    assert await counts.users() == {"pending_verification": 0, "active": 2, "suspended": 0, "closed": 1}


async def test_notional_is_exact_beyond_what_a_double_or_one_integer_holds(database: Database) -> None:
    counts, most = BusinessCounts(database), "99999999999999.99999999"
    await Fills(database).insert(
        [traded(str(number), 1, most) for number in range(50)]
        + [traded("y", 2, "-0.00000003", "JPY"), traded("z", 3, "0.00000001", "JPY")]
    )
    assert await counts.traded() == [
        Traded("JPY", 2, Decimal("-0.00000002")),
        Traded("USD", 50, Decimal(most) * 50),
    ]
    assert await counts.traded(MINUTE + 3 * SECOND) == [Traded("JPY", 1, Decimal("0.00000001"))]


@given(st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False, places=8))
def test_money_is_the_sum_of_its_parts(value: Decimal) -> None:
    whole, parts = whole_and_parts(format(value, "f"))
    assert from_parts(whole, parts) == money(value)
    assert abs(parts) < 10**8
    assert whole * parts >= 0


async def test_orders_of_all_accounts_by_filters_and_pages(database: Database) -> None:
    orders = Orders(database)
    await orders.write(
        [
            order("a", 1),
            order("b", 2, account_id="acc_2", status="filled", symbol="X.Y"),
            order("c", 3, account_id="acc_2"),
            order("d", 3, account_id="acc_3", status="filled"),
        ]
    )
    mine = order("a", 1).account_id

    async def found(after: Cursor | None = None, limit: int = 10, **filters: object) -> list[Order]:
        return await orders.page_of_all(OrdersOfAll(**filters), after, limit)  # type: ignore[arg-type]

    assert names(await found()) == ["d", "c", "b", "a"]
    assert names(await found(account_ids=("acc_2", mine))) == ["c", "b", "a"]
    assert names(await found(account_ids=())) == []
    assert names(await found(account_ids=("acc_2",), status="filled")) == ["b"]
    assert names(await found(status="filled")) == ["d", "b"]
    assert names(await found(symbol="X.Y")) == ["b"]
    assert names(await found(start=MINUTE + 2 * SECOND, end=MINUTE + 3 * SECOND)) == ["b"]
    first = await found(limit=2)
    await orders.write([order("e", 9)])
    assert names(await found(after=cursor_of(first[-1]))) == ["b", "a"]


@pytest.mark.mongo
async def test_each_count_and_page_goes_along_an_index(mongo_url: str) -> None:
    """What `explain` of the server calls it."""
    store = connect(mongo_url, "test_business_indexes")
    try:
        await migrate(store.database, SystemClock())
        for name, condition, order_by in (
            ("orders", {"status": "new"}, None),
            ("orders", {"created_ns": {"$gte": 1}}, None),
            ("orders", {}, [("created_ns", -1), ("order_id", -1)]),
            ("orders", {"symbol": "x"}, [("created_ns", -1), ("order_id", -1)]),
            ("fills", {"ts_ns": {"$gte": 1}}, None),
        ):
            cursor = store.database[name].find(condition)
            plan = str(await (cursor.sort(order_by) if order_by else cursor).explain())
            assert "IXSCAN" in plan, (name, condition, plan)
            assert "COLLSCAN" not in plan, (name, condition, plan)
    finally:
        await store.client.drop_database("test_business_indexes")
        store.close()
