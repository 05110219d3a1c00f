"""The venue as a process runs it, over a log and a store in memory: requests in, commands for the accounts out."""

import json
from typing import Any

import pytest

from ops.runtime.timestamps import format_timestamp
from storage.log.dead_letters import newest
from storage.log.port import Message
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.order_commands import Reconcile, VenueCanceled, VenueFilled
from storage.models.venues import (
    AmendRequest,
    CancelRequest,
    CheckConnector,
    QueryRequest,
    encode,
)
from storage.mongo.connector_checks import ConnectorChecks
from storage.mongo.latest_quotes import LatestQuotes
from storage.topics import QUOTES, VENUE_REQUESTS
from streams.app.memory_owner_runner import OnlyMember
from tests.integration.venues.desk import Desk
from tests.integration.venues.street import BTC, QUOTE_GROUP, SOL, Street


@pytest.fixture
async def street() -> Street:
    return Street()


@pytest.fixture
def desk(street: Street) -> Desk:
    return Desk(street)


async def test_a_market_order_fills_at_the_feeds_best_prices_and_the_account_is_told(street, desk):
    async with street.running(street.venue):
        await street.quote("99", "101", size="0.4", asks=[("101", "0.4"), ("101.5", "5")])
        await street.settled()
        await desk.submit()
        assert await desk.answered(3) == ["Acknowledged", "Filled", "Filled"]
        fills = [(fill.price, fill.quantity) for fill in await desk.commands() if isinstance(fill, VenueFilled)]
        assert fills == [("101", "0.4"), ("101.5", "0.6")]
        exposed = street.platform.metrics.exposition().decode()
        assert 'omniaxs_venue_requests_total{connector="sim-a",outcome="acknowledged"} 1.0' in exposed
        assert 'omniaxs_venue_request_seconds_count{connector="sim-a"} 1.0' in exposed


async def test_a_resting_order_outlives_the_process_and_is_shown_what_came_meanwhile(street, desk):
    async with street.running(street.venue):
        await street.quote("99", "101")
        await desk.submit("o1", price="100", quantity="2")
        await desk.submit("o2", price="98")
        assert await desk.answered(1, "o2") == ["Acknowledged"]
    await street.quote("98.5", "99.5", size="1.5")
    async with street.running(street.venue):
        assert await desk.answered(2) == ["Acknowledged", "Filled"]
        await street.quote("97.5", "97.9")
        assert await desk.answered(3) == ["Acknowledged", "Filled", "Filled"]
        assert await desk.answered(2, "o2") == ["Acknowledged", "Filled"]
        fills = [(fill.price, fill.quantity) for fill in await desk.commands() if isinstance(fill, VenueFilled)]
        assert fills == [("100", "1.5"), ("100", "0.5")]
    seqs: dict[str, list[int]] = {}
    for record in await street.venue_records():
        seqs.setdefault(record.symbol, []).append(record.seq)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seqs.values())


async def test_what_comes_after_valid_until_is_refused_also_by_a_venue_that_was_away(street, desk):
    await street.quote("99", "101")
    await desk.submit("o1")
    await desk.submit("o2", price="102")
    street.clock.advance(3.5)
    await desk.ask(CancelRequest, "o1")
    async with street.running(street.venue):
        assert await desk.answered(2) == ["Rejected", "CancelRejected"]
        assert await desk.answered(1, "o2") == ["Rejected"]
        [rejected] = await desk.commands("o2")
        assert (rejected.code, rejected.upstream_code) == ("order.expired_in_transit", "SIM_TOO_LATE")
        await street.quote("99", "100")
        await street.settled()
    async with street.running(street.venue):
        await desk.ask(QueryRequest, "o2")
        assert await desk.answered(2, "o2") == ["Rejected", "Reconcile"]
    found = (await desk.commands("o2"))[-1]
    assert isinstance(found, Reconcile)
    assert (found.outcome, found.fills) == ("not_found", ())


async def test_every_amend_and_cancel_of_an_ended_order_is_answered_also_after_it_was_forgotten(street, desk):
    async with street.running(street.venue):
        await street.quote("99", "101")
        await street.settled()
        await desk.submit()
        await desk.ask(AmendRequest, quantity="2")
        await desk.ask(CancelRequest)
        assert await desk.answered(4) == ["Acknowledged", "Filled", "ReplaceRejected", "CancelRejected"]
    street.clock.advance(700)
    async with street.running(street.venue):
        await desk.submit("o2", price="90")
        await desk.ask(AmendRequest, quantity="2")
        await desk.ask(CancelRequest)
        assert await desk.answered(6) == [
            "Acknowledged",
            "Filled",
            "ReplaceRejected",
            "CancelRejected",
            "ReplaceRejected",
            "CancelRejected",
        ]
        assert {report.code for report in (await desk.commands())[-2:]} == {"order.not_found"}


async def test_the_clock_sends_what_was_held_back(street, desk):
    async with street.running(street.venue):
        await street.quote("99", "101")
        await street.settled()
        await desk.submit("o1", client_order_id="sim:slow:5000:1")
        await desk.submit("o2", client_order_id="sim:timeout-then-accept:1")
        await desk.submit("o3", client_order_id="sim:late-fill:1", price="100")
        await desk.ask(CancelRequest, "o3")
        assert await desk.answered(1, "o2") == ["Unknown"]
        assert await desk.answered(2, "o3") == ["Acknowledged", "Canceled"]
        assert await desk.commands("o1") == []
        street.clock.advance(1)
        assert await desk.answered(3, "o2") == ["Unknown", "Acknowledged", "Filled"]
        assert await desk.answered(3, "o3") == ["Acknowledged", "Canceled", "Filled"]
    async with street.running(street.venue):
        street.clock.advance(4)
        assert await desk.answered(2, "o1") == ["Acknowledged", "Filled"]


async def test_a_connectors_faults_are_obeyed_and_end(street, desk):
    async with street.running(street.venue):
        await street.quote("99", "101")
        await street.settled()
        await desk.submit("o1", price="100")
        await desk.answered(1)
        for fault, code in (("refuse", "connector.refused"), ("down", "connector.unavailable")):
            await street.fault("sim-a", fault)
            await desk.submit(fault)
            assert await desk.answered(1, fault) == ["Rejected"]
            assert (await desk.commands(fault))[0].code == code
        await desk.submit("other", connector="sim-b")
        assert await desk.answered(2, "other") == ["Acknowledged", "Filled"]
        await street.fault("sim-a", "timeout")
        await desk.submit("o2")
        assert await desk.answered(1, "o2") == ["Unknown"]
        await desk.ask(CancelRequest, "o1")
        assert await desk.answered(2) == ["Acknowledged", "Unknown"]
        await street.fault("sim-a", "none")
        assert await desk.answered(3, "o2") == ["Unknown", "Acknowledged", "Filled"]
        assert await desk.answered(3) == ["Acknowledged", "Unknown", "Canceled"]
        assert isinstance((await desk.commands())[-1], VenueCanceled)


async def test_a_connector_is_checked_for_a_job(street, desk):
    results = ConnectorChecks(street.store.database)

    async def check(job_id: str, connector: str) -> tuple[str, str | None]:
        value = encode(CheckConnector(job_id, connector))
        await street.log.append(VENUE_REQUESTS, Message(connector.encode(), value))
        found: list[Any] = []

        async def look() -> None:
            found[:] = [await results.get(job_id)]

        await street.until_async(look, lambda: found[0] is not None)
        assert (found[0].connector, found[0].checked_at) == (connector, format_timestamp(street.clock.now()))
        return found[0].status, found[0].reason

    async with street.running(street.venue):
        assert await check("job-1", "sim-a") == ("up", None)
        for fault, reason in (
            ("refuse", "connector.refused"),
            ("timeout", "venue.timeout"),
            ("down", "connector.unavailable"),
        ):
            await street.fault("sim-b", fault)
            assert await check(f"job-{fault}", "sim-b") == ("down", reason)
        assert await check("job-2", "sim-a") == ("up", None)
    async with street.running(street.venue):
        assert await check("job-3", "sim-b") == ("down", "connector.unavailable")
    assert await results.get("job-4") is None


async def test_a_quote_that_is_none_becomes_a_dead_letter_and_gives_nothing(street, desk):
    async with street.running(street.venue):
        bad = await street.publish(BTC, b'{"bid": "many"}')
        await street.settled()
        await desk.submit("o1", price="100")
        await desk.answered(1)
        letters: list[Any] = []

        async def look() -> None:
            letters[:] = await newest(street.log, 10)

        await street.until_async(look, lambda: letters != [])
        letter = letters[0].letter
        assert (letter.topic, letter.offset, letter.key, letter.value) == (QUOTES, bad, b"BTC.X", b'{"bid": "many"}')
        assert (letter.processor, letter.reason) == ("simulated-venue", "quote.undecodable")
        await street.quote("98", "99")
        assert await desk.answered(2) == ["Acknowledged", "Filled"]


async def test_a_new_owner_knows_the_books_of_before_from_documents_and_the_log(street, desk):
    await street.quote("99", "101", symbol=SOL)
    partition = street.topics.partition(QUOTES, BTC.encode())
    value = json.dumps(json.loads((await _record(street, SOL)).value) | {"symbol": BTC, "ask": "100.5"}).encode()
    for _ in range(5):
        offset = await street.publish(BTC, b"{}")
    document = LatestQuoteDocument(BTC, partition, offset - 1, value, 0)
    foreign = LatestQuoteDocument(SOL, street.topics.partition(QUOTES, SOL.encode()), 99, b"{}", 0)
    await LatestQuotes(street.store.database).upsert_many([document, foreign])
    await street.log.commit(QUOTE_GROUP, QUOTES, {partition: offset + 1})
    async with street.running(street.venue):
        await desk.submit("o1")
        await desk.submit("o2", symbol=SOL)
        assert await desk.answered(2) == ["Acknowledged", "Filled"]
        assert (await desk.commands())[1].price == "100.5"
        assert await desk.answered(2, "o2") == ["Acknowledged", "Filled"]
        assert (await desk.commands("o2"))[1].price == "101"


async def _record(street: Street, symbol: str) -> Any:
    partition = street.topics.partition(QUOTES, symbol.encode())
    end = (await street.log.bounds(QUOTES))[partition].next
    [record] = [one async for records in street.log.read(QUOTES, partition, end - 1, end) for one in records]
    return record


async def test_a_partition_that_goes_and_comes_back_brings_its_own_states(street, desk):
    async with street.running(street.venue):
        role = street.roles["venues"]
        await street.quote("99", "101")
        await street.quote("99", "101", symbol=SOL)
        await desk.submit("o1", price="100")
        await desk.submit("o2", symbol=SOL, price="100")
        await desk.answered(1, "o2")
        await desk.answered(1)
        number = street.topics.partition(VENUE_REQUESTS, BTC.encode())
        await role.owner.revoked(number)
        assert [report.partition for report in role.reports()] == [other for other in range(2) if other != number]
        await street.quote("99", "99.5")
        await street.quote("99", "99.5", symbol=SOL)
        assert await desk.answered(2, "o2") == ["Acknowledged", "Filled"]
        assert await desk.answered(1) == ["Acknowledged"]
        await role.owner.assigned(number, OnlyMember())
        assert await desk.answered(2) == ["Acknowledged", "Filled"]
