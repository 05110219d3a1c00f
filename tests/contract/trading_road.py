"""The whole road of an order in memory: order core, simulated venue, projection, and an open account with money."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.trading.parts import TradingParts
from ops.processes.lifetime import Background
from ops.processes.platform import Platform
from ops.processes.trading_parts import open_trading
from storage.log.memory import MemoryLog
from storage.log.topics_admin import apply_topics
from storage.mongo.connect import connect
from storage.mongo.log_identities import LogIdentities
from storage.topics import (
    BARS,
    ORDER_COMMANDS,
    ORDER_EVENTS,
    QUOTE_STATES,
    QUOTES,
    RISK_SIGNALS,
    TRADES,
    VENUE_REPORTS,
    VENUE_REQUESTS,
    Topics,
)
from tests.integration.orders.trading_place import ACCOUNT, TradingPlace, until
from tests.integration.trading.trading_desk import projecting, trading_venue

_ALL = (
    ORDER_COMMANDS, ORDER_EVENTS, QUOTES, QUOTE_STATES, VENUE_REQUESTS, VENUE_REPORTS, RISK_SIGNALS, TRADES, BARS,
)  # fmt: skip
_QUOTE_SECONDS = 2.0


@dataclass(frozen=True)
class Road:
    """The platform that the road is on, and a gateway's end of it."""

    platform: Platform
    trading: TradingParts


@asynccontextmanager
async def trading_road() -> AsyncIterator[Road]:
    """What a gateway takes, once the account can trade; the coin is quoted again every two seconds."""
    topics = Topics(dict.fromkeys(_ALL, 1))
    log, store = MemoryLog(topics), connect("mongomock://", "road")
    await log.start()
    await apply_topics(log, topics, LogIdentities(store.database))
    place = TradingPlace(log, store, topics)
    await place.set_up()
    background = Background(asyncio.Event())
    try:
        async with trading_venue(place), place.core(), projecting(place):
            parts = replace(open_trading(place.platform, background), patience=0.05)
            background.start(_quoting(place), "quotes")
            async with asyncio.timeout(100):
                await parts.decisions.ready()
                await place.open_account("1000000000")
            await until(lambda: _is_read(parts))
            yield Road(place.platform, parts)
    finally:
        await background.end()
        store.close()
        await log.close()


async def _is_read(parts: TradingParts) -> bool:
    return await parts.accounts.as_of(ACCOUNT) >= 2


async def _quoting(place: TradingPlace) -> None:
    while True:
        await place.quote("60000", "60010")
        await asyncio.sleep(_QUOTE_SECONDS)
