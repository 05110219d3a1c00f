"""An admins' desk before a real order core and its projection; one partition a topic, all in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from storage.log.memory import MemoryLog
from storage.log.topics_admin import apply_topics
from storage.mongo.connect import connect
from storage.mongo.log_identities import LogIdentities
from storage.topics import Topics
from tests.integration.admin.admin_desk import AdminDesk
from tests.integration.orders.trading_place import ACCOUNT, TradingPlace, until
from tests.integration.trading.trading_desk import projecting


@asynccontextmanager
async def deciding_desk(name: str, **options: Any) -> AsyncIterator[AdminDesk]:
    """The account `ACCOUNT` is open, holds 100,000 USDT and can be read. `options` are those of the desk."""
    topics = Topics({spec.name: 1 for spec in Topics()})
    log, store = MemoryLog(topics), connect("mongomock://", name)
    await apply_topics(log, topics, LogIdentities(store.database))
    place = TradingPlace(log, store, topics)
    await place.set_up()
    desk = AdminDesk(place.platform, **options)
    reading = asyncio.create_task(desk.decisions.run())
    try:
        async with place.core(), projecting(place):
            await desk.decisions.ready()
            await place.open_account()

            async def is_read() -> bool:
                return await desk.parts.accounts.as_of(ACCOUNT) >= 2

            await until(is_read)
            yield desk
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await log.close()
        await store.client.drop_database(store.database.name)
