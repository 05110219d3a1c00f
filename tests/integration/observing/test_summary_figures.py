"""The summary's figures are what log and store say, counted by hand: in memory, and on the real services."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from ops.processes.alert_parts import keeper_of
from ops.runtime.settings import Settings
from ops.runtime.timestamps import parse_timestamp
from storage.jobs import Job
from storage.log.kafka import KafkaLog
from storage.log.valid_records import ValidRecords
from storage.models.alerts import Raised
from storage.models.applications import Application, ApplicationStatus, job_id_of
from storage.models.leads import Lead
from storage.models.order_events import OrderFilled
from storage.models.order_records import OrderRecord, decode_record
from storage.models.orders import Order
from storage.models.provisioning import job_of
from storage.mongo.applications import Applications
from storage.mongo.leads import Leads
from storage.mongo.provisioning_jobs import ProvisioningJobs
from storage.reference_data.builtin import load_builtin
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, QUOTES, VENUE_REQUESTS
from tests.integration.observing.house import COIN, House, house

TOPICS = (
    "quotes", "quote-states", "trades", "bars", "order-commands", "order-events", "venue-requests", "venue-reports",
    "risk-signals",
)  # fmt: skip
PAIR = "XRPETH.BINANCE"
FILLED: list[dict[str, str]] = [
    *({"quantity": one} for one in ("0.1", "0.1", "0.003", "0.02")),
    {"quantity": "77", "symbol": PAIR},
]
NO_LIVE_QUOTE = {"market.stale_quote", "risk.conversion_unavailable"}
"""What the core answers at the start, and where `quoting` gets no processor for a second. Nothing else is tried again."""
MARKETS = ((PAIR, "0.0002000", "0.0002003"), ("ETHUSDT.BINANCE", "2600", "2601"), ("BRTI.INDEX", "60000", "60001"))
OF_STATE = {
    "filled": "filled",
    "canceled": "canceled",
    "expired": "canceled",
    "rejected": "rejected",
    "denied": "rejected",
}
APPLICATIONS: dict[ApplicationStatus, int] = {
    "submitted": 4,
    "reviewing": 1,
    "approved": 3,
    "rejected": 2,
    "provisioning": 1,
    "active": 2,
}


@pytest.fixture(params=["memory", pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.mongo])])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A house over log and store; nothing of it is left behind."""
    settings = Settings(_env_file=None, topic_partitions=dict.fromkeys(TOPICS, 2))
    if request.param == "real":
        settings = settings.model_copy(
            update={
                "log_url": f"kafka://{request.getfixturevalue('kafka_address')}",
                "store_url": request.getfixturevalue("mongo_url"),
                "store_database": f"test_{secrets.token_hex(6)}",
                "topic_prefix": f"test-{secrets.token_hex(4)}-",
            }
        )
    async with house(settings) as made:
        yield made
        store, log, topics = made.platform.store, made.platform.log, made.platform.topics
        await store.client.drop_database(store.database.name)
    if isinstance(log, KafkaLog):
        client = AIOKafkaAdminClient(bootstrap_servers=log.bootstrap)
        await client.start()
        await client.delete_topics([topics.on_broker(spec.name) for spec in topics])
        await client.close()


async def until(look: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait for what tells nobody."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def records(place: House) -> list[OrderRecord]:
    """The records of orders that count."""
    found: list[OrderRecord] = []
    for partition, bounds in (await place.platform.log.bounds(ORDER_EVENTS)).items():
        judge = ValidRecords()
        async for batch in place.platform.log.read(ORDER_EVENTS, partition, bounds.first, bounds.next):
            found += [decode_record(record.value or b"") for record in judge.take(batch)]
    return found


def orders_of(told: list[OrderRecord]) -> Counter[str]:
    """By the contract's status, each order as its last record has it (a denied one as its first)."""
    states = {order.order_id: order for record in sorted(told, key=lambda one: one.seq) for order in record.orders}
    open_as = {
        order.order_id: "partially_filled" if Decimal(order.filled_quantity) else "new" for order in states.values()
    }
    return Counter(OF_STATE.get(order.state, open_as[order.order_id]) for order in states.values())


def turnover_of(told: list[OrderRecord]) -> tuple[int, dict[str, Decimal]]:
    """Fills, and price x quantity x multiplier by currency, each to 8 decimals as all money is."""
    instruments, fills = load_builtin().instruments, 0
    notional: dict[str, Decimal] = {}
    for event in (event for record in told for event in record.events if isinstance(event, OrderFilled)):
        instrument = instruments[event.symbol]
        value = Decimal(event.price) * Decimal(event.quantity) * Decimal(instrument.multiplier)
        value = value.quantize(Decimal("1e-8"), ROUND_HALF_EVEN)
        notional[instrument.currency] = notional.get(instrument.currency, Decimal(0)) + value
        fills += 1
    return fills, notional


async def trade(place: House) -> None:
    """Five filled, two at rest, one canceled, one denied, one that is no order; quoted all the while."""

    async def quoting() -> None:
        while True:
            await place.quote("60000", "60010.12345678")
            for symbol, bid, ask in MARKETS:
                await place.quote(bid, ask, symbol)
            await asyncio.sleep(0.3)

    quotes = asyncio.create_task(quoting())
    try:
        for fields in FILLED:
            await until(partial(_is_filled, place, **fields))
        resting = [
            await _taken(place, type="limit", price=price, client_order_id=f"mine-{price}")
            for price in ("50000", "50001", "50002")
        ]
        order_ids = [answer.json()["data"]["order_id"] for answer in resting]
        canceled = await place.post("/v1/orders/cancel", {"order_ids": order_ids[:1]})
        assert canceled.status_code == 200, canceled.text
        denied = await place.order(type="limit", price="49999", client_order_id="mine-50001")
        assert denied.json()["error"]["code"] == "order.duplicate_client_id"
        assert (await place.order(quantity="NaN")).status_code == 422
    finally:
        quotes.cancel()


async def _taken(place: House, **fields: Any) -> httpx.Response:
    """The answer to an order, as soon as there are live quotes to judge it by."""
    async with asyncio.timeout(20):
        while (answer := await place.order(**fields)).status_code != 200:
            assert answer.json()["error"]["code"] in NO_LIVE_QUOTE, answer.text
    return answer


async def _is_filled(place: House, **fields: Any) -> bool:
    """Whether an order is filled. A venue that has not seen the market yet cancels what the core, which has, took."""
    answer = await _taken(place, **fields)
    order_id = answer.json()["data"]["order_id"]
    ended: list[Order] = []

    async def look() -> bool:
        told = [order for record in await records(place) for order in record.orders if order.order_id == order_id]
        ended[:] = [order for order in told if order.state in OF_STATE]
        return bool(ended)

    await until(look)
    if ended[0].state == "filled":
        return True
    assert (ended[0].state, ended[0].reason) == ("canceled", "venue.no_liquidity"), ended[0]
    return False


async def settled(place: House) -> None:
    """Everything is read, five fills and the denied order stand in the read models, and a heartbeat has told so."""

    shown: dict[str, Any] = {}

    async def look() -> bool:
        shown.update(await place.summary())
        orders = shown["business"]["orders"]["by_status"]
        lag = sum(one["lag"] for one in shown["runtime"]["processes"])
        return lag == 0 and orders["filled"] >= 5 and orders["canceled"] >= 1 and orders["rejected"] >= 1

    try:
        await until(look)
    except TimeoutError as error:
        raise AssertionError(f"not settled: {json.dumps(shown)}") from error
    quiet = await place.platform.log.bounds(ORDER_EVENTS)
    await asyncio.sleep(4)
    assert await place.platform.log.bounds(ORDER_EVENTS) == quiet


async def apply(place: House) -> None:
    """Applications in every state. The jobs of those that were approved are over, so nobody moves them."""
    store, now = place.platform.store.database, place.platform.clock.now()
    states = [status for status, count in APPLICATIONS.items() for _ in range(count)]
    for number, status in enumerate(states):
        application = Application(
            application_id=f"app_{number}", tenant_id=f"ten_{number}", contact_email="ada@acme.example",
            target_markets=("crypto",), target_exchanges=("BINANCE",), status=status, submitted_at=now, updated_at=now,
            provisioning_job_id=job_id_of(f"app_{number}") if status == "approved" else None,
        )  # fmt: skip
        job = job_of(application, now).model_copy(update={"status": "rolled_back"})
        assert status != "approved" or await ProvisioningJobs(store).insert_if_absent(job)
        assert await Applications(store).insert(application)


async def test_business_is_what_the_log_and_the_store_say(place: House) -> None:
    await trade(place)
    store, now = place.platform.store.database, place.platform.clock.now()
    for number in range(3):
        await Leads(store).submit(
            Lead(lead_id=f"ld_{number}", work_email=f"{number}@x.com", country="CH", consented_at=now, created_at=now)
        )
    desk = keeper_of(place.platform, NoJobs())
    for number, severity in enumerate(("critical", "warning", "warning", "info")):
        await desk.report(Raised(f"test.{severity}", severity, f"subject {number}", "a test", now))
    await desk.resolve("test.info", "subject 3", now=now)
    await apply(place)
    await settled(place)

    shown, told = await place.summary(), await records(place)
    business, counted = shown["business"], orders_of(told)
    assert {status: count for status, count in business["orders"]["by_status"].items() if count} == counted
    assert business["orders"]["total"] == counted.total() == business["orders"]["last_24h"]
    assert business["orders"]["open"] == counted["new"] + counted["partially_filled"] == 2
    fills, notional = turnover_of(told)
    assert business["fills"] == {"total": fills, "last_24h": fills}
    assert fills >= 5
    assert [(one["currency"], Decimal(one["total"])) for one in business["notional"]] == sorted(notional.items())
    assert all(one["total"] == one["last_24h"] for one in business["notional"])

    people = [document async for document in store["users"].find({})]
    assert business["users"]["total"] == len(people) == 1
    assert business["users"]["by_status"]["active"] == 1
    alerts = [one async for one in store["alerts"].find({})]
    standing = Counter(one["severity"] for one in alerts if one["state"] != "resolved")
    assert {name: count for name, count in business["open_alerts"]["by_severity"].items() if count} == standing
    assert business["open_alerts"]["total"] == standing.total() >= 3
    assert business["waitlist"] == {"total": len([one async for one in store["leads"].find({})])} == {"total": 3}
    applications = Counter([one["status"] async for one in store["access_applications"].find({})])
    assert business["applications"] == {"total": applications.total(), "by_status": dict(applications)}
    assert dict(applications) == APPLICATIONS
    assert abs(parse_timestamp(shown["generated_at"]) - place.platform.clock.now()) < 5_000_000_000


async def test_runtime_is_what_the_log_says_and_what_was_done(place: House) -> None:
    assert [(await place.get(path)).status_code for path in ("/v1/quotes?symbols=X", "/v1/nowhere")] == [401, 404]
    await trade(place)
    async with place.socket("quotes.*", f"trades.{COIN}") as socket:
        await place.quote("60001", "60011")
        while b"60011" not in bytes(str(await socket.recv()), "utf-8"):
            pass
        await settled(place)
        shown = (await place.summary())["runtime"]

    [process] = shown["processes"]
    assert (process["role"], process["alive"], process["problems"]) == ("local", True, {})
    bounds = {
        topic: await place.platform.log.bounds(topic)
        for topic in (QUOTES, ORDER_COMMANDS, ORDER_EVENTS, VENUE_REQUESTS)
    }
    ends = {topic: sum(held.next for held in found.values()) for topic, found in bounds.items()}
    for topic in shown["topics"]:
        assert topic["unread"] == []
        for reader in topic["readers"]:
            assert reader["partitions"] == list(range(topic["partitions"]))
            if topic["topic"] != VENUE_REQUESTS:  # health checks go on asking the venue
                assert reader["position"] == reader["end"]
            if topic["topic"] in {QUOTES, ORDER_COMMANDS, ORDER_EVENTS}:
                assert reader["end"] == ends[topic["topic"]], topic["topic"]
    assert {one["topic"] for one in shown["topics"]} >= set(bounds)
    assert shown["stalled_partitions"] == []
    assert {one["topic"] for one in shown["worst_consumers"]} <= {VENUE_REQUESTS}

    assert shown["errors"]["requests"] == place.answered.total()
    assert shown["errors"]["refused"] == place.answered.total() - place.answered["ok"]
    assert shown["errors"]["by_code"] == {code: count for code, count in place.answered.items() if code != "ok"}
    websocket = shown["websocket"]
    assert (websocket["connections"], websocket["subscriptions"]) == (1, {"quotes": 1, "trades": 1})
    assert (websocket["dropped"], websocket["gaps"], websocket["slow_closes"]) == (0, 0, 0)

    told = await records(place)
    assert shown["latency_ms"]["decision_to_log"]["count"] == len(told)
    commands = Counter(event for record in told for event in [record.cause.command_id])
    assert shown["latency_ms"]["decision_to_read_model"]["count"] == len(told) == sum(commands.values())
    for hop in ("request_to_decision", "decision_to_relay_venue-requests", "log_to_venue", "venue_request", "venue_to_decision",
                "decision_to_relay_order-commands", "log_to_fold", "log_to_socket_quotes", "request"):  # fmt: skip
        latency = shown["latency_ms"][hop]
        assert latency["count"] > 0
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"], hop


class NoJobs:
    """Nobody is told of these alerts."""

    async def enqueue(self, job: Job, argument: str) -> None:
        assert job.argument
        assert argument
