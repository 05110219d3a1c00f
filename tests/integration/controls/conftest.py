"""A log and a store under test: both in this process, and both real."""

import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from ops.processes.platform import Platform
from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Log
from storage.log.topics_admin import apply_topics
from storage.models.connectors import default_catalog
from storage.mongo.connect import connect
from storage.mongo.connectors import Connectors
from storage.mongo.log_identities import LogIdentities
from storage.mongo.migrations import migrate
from storage.sealing import KeyRing
from storage.topics import EQUAL_COUNTS, Topics
from tests.integration.controls.place import Place

PARTITIONS = 4
COUNTS = {name: PARTITIONS for names in EQUAL_COUNTS for name in names}


@pytest.fixture(params=["local", pytest.param("real", marks=[pytest.mark.kafka, pytest.mark.mongo])])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """Four partitions of what has owners, and an empty database."""
    real = request.param == "real"
    topics = Topics(COUNTS, prefix=f"test-{secrets.token_hex(4)}-" if real else "")
    address = request.getfixturevalue("kafka_address") if real else ""
    log: Log = KafkaLog(address, topics) if real else MemoryLog(topics)
    store = connect(request.getfixturevalue("mongo_url") if real else "mongomock://", f"test_{secrets.token_hex(6)}")
    clock = SystemClock()
    platform = Platform(
        Settings(),
        clock,
        SystemIdentifiers(),
        Metrics(),
        topics,
        log,
        store,
        KeyRing.parse("test:not-a-secret-for-tests-only"),
    )
    await log.start()
    await apply_topics(log, topics, LogIdentities(store.database))
    await migrate(store.database, clock)
    await Connectors(store.database).insert_missing(default_catalog(clock.now()))
    place = Place(platform)
    try:
        yield place
    finally:
        for tail in place.tails:
            await tail.close()
        await log.close()
        await store.client.drop_database(store.database.name)
        store.close()
        if real:
            client = AIOKafkaAdminClient(bootstrap_servers=address)
            await client.start()
            await client.delete_topics([topics.on_broker(spec.name) for spec in topics])
            await client.close()
