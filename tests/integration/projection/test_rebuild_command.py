"""`omniaxs db rebuild orders` on a platform, and the projection's processors on the memory runner beside it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ops.processes.commands.port import CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform, opened_platform
from ops.processes.projection_parts import projection_processors
from ops.runtime.settings import Settings
from storage.log.port import Message
from storage.models.operations import Heartbeat
from storage.mongo.accounts import Accounts
from storage.mongo.documents import Document
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.ownership import ReaderAnchors
from storage.topics import ORDER_EVENTS
from streams.app.memory_runner import MemoryRunner
from tests.unit.orders.projected_partition import partition
from tests.unit.orders.trading_floor import ACCOUNT

COLLECTIONS = ("orders", "positions", "fills", "accounts", "reader_anchors")


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """A platform in memory with one partition of order events, filled."""
    settings = Settings(topic_partitions={"order-commands": 1, ORDER_EVENTS: 1})
    async with opened_platform(settings) as platform:
        messages = [Message(one.key, one.value, one.headers) for one in partition(4)]
        await platform.log.append_many(ORDER_EVENTS, messages)
        yield platform


async def run(platform: Platform, what: str) -> list[dict[str, Any]]:
    """What the command tells."""
    return [event async for event in COMMANDS["db.rebuild"](platform, {"what": what})]


async def contents(platform: Platform) -> dict[str, list[Document]]:
    """Every document."""
    database = platform.store.database
    return {name: [one async for one in database[name].find({}).sort("_id", 1)] for name in COLLECTIONS}


async def project(platform: Platform) -> None:
    """Run the processors until they have reached the end."""
    end = (await platform.log.bounds(ORDER_EVENTS))[0].next
    runner = MemoryRunner(platform.log, projection_processors(platform), platform.clock, flush_seconds=0.01)
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run(stop))
    anchors = ReaderAnchors(platform.store.database, "projection", ORDER_EVENTS)
    async with asyncio.timeout(20):
        while (await anchors.get(0)).upto < end - 1:  # noqa: ASYNC110 (looks as another process would)
            await asyncio.sleep(0.01)
    stop.set()
    await running


async def test_a_rebuild_gives_what_stands_there(platform: Platform) -> None:
    await project(platform)
    before = await contents(platform)
    assert all(before.values())
    await platform.store.database["orders"].delete_many({})
    await platform.store.database["accounts"].update_one({"_id": ACCOUNT}, {"$set": {"as_of_seq": 10_000}})
    told = await run(platform, "orders")
    assert await contents(platform) == before
    assert told[0]["removed"] > 0
    assert told[1]["partition"] == 0
    assert told[1]["records"] == sum(one["as_of_seq"] for one in before["accounts"])


async def test_the_projection_goes_on_behind_a_rebuild(platform: Platform) -> None:
    await run(platform, "orders")
    before = await contents(platform)
    await project(platform)
    assert await contents(platform) == before
    assert (await Accounts(platform.store.database).get(ACCOUNT)) is not None


async def test_a_rebuild_refuses_while_a_projection_is_alive(platform: Platform) -> None:
    now = platform.clock.now()
    beat = Heartbeat(
        process_id="p-1", role="projection", version="1", host="here", started_at=now, beat_at=now, ready=True
    )
    await Heartbeats(platform.store.database).beat(beat)
    with pytest.raises(CommandFailed, match=r"stop the processes of role projection first.*here \(p-1\)"):
        await run(platform, "orders")


async def test_what_cannot_be_rebuilt_is_said(platform: Platform) -> None:
    with pytest.raises(CommandFailed, match="cannot rebuild 'quotes': it is bars or orders"):
        await run(platform, "quotes")
