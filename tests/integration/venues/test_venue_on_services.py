"""The venue's process over the real log and store."""

import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from storage.log.kafka import KafkaLog
from storage.log.topics_admin import apply_topics
from storage.models.order_commands import VenueFilled
from storage.models.venues import QueryRequest
from storage.mongo.connect import connect
from storage.mongo.log_identities import LogIdentities
from storage.topics import VENUE_REQUESTS, Topics
from streams.app.memory_owner_runner import OnlyMember
from tests.integration.venues.desk import Desk
from tests.integration.venues.street import BTC, PARTITIONS, SHARE, SOL, Street

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


@pytest.fixture
async def street(kafka_address: str, mongo_url: str) -> AsyncIterator[Street]:
    topics = Topics(PARTITIONS, prefix=f"test-{secrets.token_hex(4)}-")
    log, store = KafkaLog(kafka_address, topics), connect(mongo_url, f"test_{secrets.token_hex(6)}")
    await log.start()
    await apply_topics(log, topics, LogIdentities(store.database))
    yield Street(log=log, store=store, topics=topics)
    await store.client.drop_database(store.database.name)
    store.close()
    await log.close()
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await client.start()
    await client.delete_topics([topics.on_broker(spec.name) for spec in topics])
    await client.close()


def fills(commands) -> list[tuple[str, str]]:
    return [(command.price, command.quantity) for command in commands if isinstance(command, VenueFilled)]


async def test_a_claim_waits_for_the_quotes_of_the_moment_and_later_ones_follow(street):
    desk = Desk(street)
    await street.quote("99", "101")
    async with street.running(street.venue):
        await desk.submit("o1")
        assert await desk.answered(2, "o1") == ["Acknowledged", "Filled"]
        await desk.submit("o2", price="100")
        await desk.submit("o3", symbol=SOL, price="100")
        await desk.answered(1, "o2")
        await desk.answered(1, "o3")
        await street.quote("98", "99.5", size="0.4")
        assert await desk.answered(2, "o2") == ["Acknowledged", "Filled"]
        await street.fault("sim-a", "refuse")
        await desk.submit("o4")
        assert await desk.answered(1, "o4") == ["Rejected"]
        await street.fault("sim-a", "none")
    await street.quote("97", "100", size="0.1")
    await street.quote("95", "96", symbol=SOL)
    await street.quote("55", "56", symbol=SHARE)
    async with street.running(street.venue):
        await desk.submit("o5", symbol=SHARE)
        assert await desk.answered(2, "o5") == ["Acknowledged", "Filled"]
        assert await desk.answered(2, "o3") == ["Acknowledged", "Filled"]
        await desk.ask(QueryRequest, "o2")
        assert (await desk.answered(4, "o2"))[-1] == "Reconcile"
        role, number = street.roles["venues"], street.topics.partition(VENUE_REQUESTS, BTC.encode())
        await role.owner.revoked(number)
        await street.quote("94", "94.5")
        await role.owner.assigned(number, OnlyMember())
        assert (await desk.answered(5, "o2"))[-1] == "Filled"
    assert fills(await desk.commands("o1")) == [("101", "1")]
    assert fills(await desk.commands("o2")) == [("100", "0.4"), ("100", "0.1"), ("100", "0.5")]
    assert fills(await desk.commands("o3")) == [("100", "1")]
    assert fills(await desk.commands("o5")) == [("56", "1")]
