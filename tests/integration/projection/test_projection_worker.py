"""The projection's processors in Faust workers over a real Kafka and a real store: one stops, another goes on, and the documents
are those of a rebuild.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from ops.processes.commands.database import rebuild
from ops.processes.platform import Platform, opened_platform
from ops.processes.projection_parts import projection_processors
from ops.runtime.settings import Settings
from storage.log.port import Message, Record
from storage.mongo.documents import Document
from storage.mongo.ownership import ReaderAnchors
from storage.topics import ORDER_EVENTS, PLATFORM_EVENTS, RISK_SIGNALS
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker
from tests.unit.orders.projected_partition import partition

pytestmark = [pytest.mark.kafka, pytest.mark.mongo, pytest.mark.timeout(120)]
COLLECTIONS = ("orders", "positions", "fills", "accounts", "reader_anchors")


@pytest.fixture
async def platform(kafka_address: str, mongo_url: str) -> AsyncIterator[Platform]:
    """A platform of its own on the services, with one partition of order events."""
    name = f"projection-{secrets.token_hex(4)}"
    settings = Settings(
        log_url=f"kafka://{kafka_address}",
        store_url=mongo_url,
        store_database=name,
        topic_prefix=f"{name}-",
        topic_partitions={"order-commands": 1, ORDER_EVENTS: 1, RISK_SIGNALS: 1},
    )
    async with opened_platform(settings) as platform:
        await platform.log.admin().create([ORDER_EVENTS, PLATFORM_EVENTS, RISK_SIGNALS])
        yield platform
        await platform.store.client.drop_database(name)


async def project(platform: Platform, upto: int) -> None:
    """A worker that works until the read models are as far as `upto`, and then leaves."""
    settings = platform.settings
    options = AppOptions("projection", settings.log_url.removeprefix("kafka://"), settings.topic_prefix)
    worker = StreamWorker(options, projection_processors(platform), platform.log, platform.clock)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    anchors = ReaderAnchors(platform.store.database, "projection", ORDER_EVENTS)
    async with asyncio.timeout(60):
        while (await anchors.get(0)).upto < upto:  # noqa: ASYNC110 (looks as another process would)
            await asyncio.sleep(0.05)
    stop.set()
    await running


async def contents(platform: Platform) -> dict[str, list[Document]]:
    """Every document."""
    database = platform.store.database
    return {name: [one async for one in database[name].find({}).sort("_id", 1)] for name in COLLECTIONS}


async def append(platform: Platform, records: list[Record]) -> None:
    """Put the records on the log, at the offsets that their epochs name."""
    await platform.log.append_many(
        ORDER_EVENTS, [Message(one.key or b"", one.value or b"", tuple(one.headers)) for one in records]
    )


async def test_one_worker_goes_on_where_another_stopped(platform: Platform) -> None:
    records: list[Record] = list(partition(9, steps=400))
    half = len(records) // 2
    await append(platform, records[:half])
    await project(platform, half - 1)
    await append(platform, records[half:])
    await project(platform, len(records) - 1)
    before = await contents(platform)
    assert all(before.values())
    assert await platform.log.committed("projection", ORDER_EVENTS) == {0: len(records)}
    told = [event async for event in rebuild(platform, {"what": "orders"})]
    assert told[0]["removed"] > 0
    assert await contents(platform) == before
