"""The places on which the order core runs: in memory, and on the real services."""

import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Log
from storage.log.topics_admin import apply_topics
from storage.mongo.connect import connect
from storage.mongo.log_identities import LogIdentities
from storage.topics import Topics
from tests.integration.orders.trading_place import TradingPlace

_COUNTS = dict.fromkeys(
    (
        "order-commands",
        "order-events",
        "quotes",
        "quote-states",
        "venue-requests",
        "venue-reports",
        "risk-signals",
        "trades",
        "bars",
    ),
    2,
)


@pytest.fixture(params=["memory", pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.mongo])])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[TradingPlace]:
    """A log with two partitions a topic and an empty database, set up."""
    if request.param == "memory":
        topics, url = Topics(_COUNTS), "mongomock://"
        log: Log = MemoryLog(topics)
    else:
        topics, url = Topics(_COUNTS, prefix=f"test-{secrets.token_hex(4)}-"), request.getfixturevalue("mongo_url")
        log = KafkaLog(request.getfixturevalue("kafka_address"), topics)
    store = connect(url, f"test_{secrets.token_hex(6)}")
    await log.start()
    await apply_topics(log, topics, LogIdentities(store.database))
    place = TradingPlace(log, store, topics)
    await place.set_up()
    yield place
    await store.client.drop_database(store.database.name)
    store.close()
    await log.close()
    if isinstance(log, KafkaLog):
        client = AIOKafkaAdminClient(bootstrap_servers=log.bootstrap)
        await client.start()
        await client.delete_topics([topics.on_broker(spec.name) for spec in topics])
        await client.close()
