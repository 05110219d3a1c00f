"""The observability summary and the orders of all accounts: every answer as documented, with figures in it and without."""

from collections.abc import AsyncIterator

import pytest

from gateway.http.contract import load_contract, operations_of
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.people_parts import end_people
from ops.runtime.health import Health
from ops.runtime.metrics import DEAD_LETTERS_TOTAL, HTTP_DURATION, HTTP_REQUESTS, LIMITS_DEGRADED, WEBSOCKET_CLOSED
from ops.runtime.timestamps import format_timestamp
from storage.models.partition_progress import PartitionProgress
from storage.models.read_models import AccountDocument
from storage.mongo.accounts import Accounts
from storage.mongo.fills import Fills
from storage.mongo.orders import Orders
from tests.contract.account_data import account, fill, order
from tests.contract.conftest import generous, make_gateway
from tests.contract.people_walk import CheckedTown

ADMIN = "/internal/v1/admin"
SUMMARY = f"{ADMIN}/observability/summary"


@pytest.fixture
async def walk(clock) -> AsyncIterator[CheckedTown]:
    """People before a gateway whose limits nobody reaches, every answer checked."""
    town = CheckedTown(make_gateway(clock, generous()))
    yield await town.open()
    await end_people(town.gateway.people)


def test_the_summary_is_the_contracts():
    assert ("adminObservabilitySummary", "GET", SUMMARY) in {
        (one.operation_id, one.method, one.path) for one in operations_of(load_contract())
    }


async def test_a_platform_of_which_nothing_is_known(walk):
    shown = (await walk.call("GET", SUMMARY, person=await walk.admin())).data
    assert shown["window_seconds"] == 60
    assert shown["runtime"]["processes"] == []
    assert shown["business"]["orders"]["total"] == 0


async def test_a_platform_with_figures(walk):
    platform, database = walk.place.platform, walk.place.platform.store.database
    at = format_timestamp(walk.clock.now())
    await Orders(database).write([order("ord_1", at), order("ord_2", at, status="filled", state="filled")])
    await Fills(database).insert([fill("fil_1", "ord_2", at, notional="900", currency="USD")])
    progress = PartitionProgress("orders", "order-commands", 0, 3, 9, 45)
    health = Health()

    async def problem() -> str | None:
        return "the store is away"

    health.add("store", problem)
    beating = HeartbeatTask(platform, "local", health, lambda: Progress(reads=[progress]))
    platform.metrics.counter(HTTP_REQUESTS).labels("getQuotes", "auth.key_revoked").inc(3)
    platform.metrics.counter(DEAD_LETTERS_TOTAL).labels("bars", "trade.undecodable").inc()
    platform.metrics.counter(WEBSOCKET_CLOSED).labels("4413").inc()
    platform.metrics.histogram(HTTP_DURATION).labels("getQuotes").observe(0.003)
    platform.metrics.gauge(LIMITS_DEGRADED).set(1)
    walk.clock.advance(2)
    await beating.beat_once()
    shown = (await walk.call("GET", SUMMARY, person=await walk.admin())).data
    runtime, business = shown["runtime"], shown["business"]
    [process] = runtime["processes"]
    assert (process["ready"], process["problems"], process["lag"]) == (False, {"store": "the store is away"}, 6)
    assert runtime["stalled_partitions"][0]["standing_seconds"] == 45
    assert (runtime["errors"]["by_code"], runtime["errors"]["degraded"]) == ({"auth.key_revoked": 3}, ["limits"])
    assert runtime["websocket"]["slow_closes"] == 1
    assert 2.5 < runtime["latency_ms"]["request"]["p99"] <= 5
    assert (business["orders"]["total"], business["orders"]["open"]) == (2, 1)
    assert business["notional"] == [{"currency": "USD", "total": "900", "last_24h": "900"}]


async def test_the_orders_of_all_accounts(walk):
    database, at = walk.place.platform.store.database, format_timestamp(walk.clock.now())
    await Orders(database).write(
        [
            order("ord_1", at, client_order_id="mine", price=None, type="market"),
            order("ord_2", at, account_id="acc_other", connector=None, pending="cancel", upstream_code="X", reason="x"),
        ]
    )
    await Accounts(database).write([AccountDocument("acc_1", 9, at, account(at, account_id="acc_1"))])
    for role in ("super_admin", "ops_admin", "compliance_admin"):
        items = (await walk.call("GET", f"{ADMIN}/orders", person=await walk.admin(role))).data["items"]
        assert [(one["order_id"], one["tenant_id"]) for one in items] == [("ord_2", None), ("ord_1", "ten_1")]
    assert (await walk.call("GET", f"{ADMIN}/orders?symbol=NONE.X", person=await walk.admin())).status == 404
    assert (await walk.call("GET", f"{ADMIN}/orders?page_token=x", person=await walk.admin())).status == 404
    assert (await walk.call("GET", f"{ADMIN}/orders?status=gone", person=await walk.admin())).status == 422
    assert (await walk.call("GET", SUMMARY, person=await walk.admin("ops_admin"))).status == 403
    assert (await walk.call("GET", f"{SUMMARY}?x=1&x=2", person=await walk.admin())).status == 422
