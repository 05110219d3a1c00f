"""Wires the road from a gateway (or a command line) to the order core and back: decisions, order requests, read models."""

import asyncio
import logging
from typing import Final

from gateway.trading.parts import TradingParts
from ops.processes.asking import decisions_of
from ops.processes.lifetime import Background
from ops.processes.platform import Platform
from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.order_requests import KEPT_SECONDS
from storage.mongo.accounts import Accounts
from storage.mongo.active_signals import ActiveSignals
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.controls import ControlDocuments
from storage.mongo.failures import StoreUnavailable
from storage.mongo.fills import Fills
from storage.mongo.order_requests import OrderRequests
from storage.mongo.orders import Orders
from storage.mongo.positions import Positions

SWEEP_SECONDS: Final = 600.0
_log = logging.getLogger(__name__)


def open_trading(platform: Platform, background: Background) -> TradingParts:
    """What trading routes need, with the decisions being read and old requests being dropped."""
    database = platform.store.database
    decisions, requests = decisions_of(platform), OrderRequests(database)
    background.start(decisions.run(), "decisions")
    background.start(drop_old_requests(requests, platform.clock), "order requests")
    return TradingParts(
        decisions=decisions,
        requests=requests,
        answers=CommandAnswers(database),
        orders=Orders(database),
        fills=Fills(database),
        positions=Positions(database),
        accounts=Accounts(database),
        signals=ActiveSignals(database),
        halts=ControlDocuments(database),
    )


async def drop_old_requests(requests: OrderRequests, clock: Clock) -> None:
    """Every ten minutes forget what was issued more than 24 h ago; a database that is away is asked again then."""
    while True:
        try:
            await requests.drop_before(clock.now() - KEPT_SECONDS * NANOSECONDS_PER_SECOND)
        except StoreUnavailable as error:
            _log.warning("old order requests are not dropped: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)
