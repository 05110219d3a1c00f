"""A process that asks the order core: its `Decisions`, reading for as long as they are needed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ops.processes.platform import Platform
from storage.decisions.decisions import Decisions
from storage.mongo.ownership import ClaimHistories, Floors
from storage.topics import ORDER_EVENTS


def decisions_of(platform: Platform) -> Decisions:
    """Commands to the order core and its records about them; its `run` must be running beside it."""
    database = platform.store.database
    return Decisions(
        platform.log, platform.topics, ClaimHistories(database, ORDER_EVENTS), Floors(database, ORDER_EVENTS)
    )


@asynccontextmanager
async def asking(platform: Platform) -> AsyncIterator[Decisions]:
    """Decisions of a command, which ends."""
    decisions = decisions_of(platform)
    reading = asyncio.create_task(decisions.run(), name="decisions")
    try:
        yield decisions
    finally:
        reading.cancel()
        await asyncio.wait([reading])
