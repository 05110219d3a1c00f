"""The role `orders`: the order core, owner of `order-commands`, made of a platform's log and store."""

import asyncio
import logging
from collections.abc import Callable

from ops.processes.control_metrics import show_controls
from ops.processes.lifetime import Background
from ops.processes.order_metrics import MeasuredRules, OrderObserver
from ops.processes.owned_role import OwnedRole
from ops.processes.platform import Platform
from ops.processes.relay_metrics import relay_delay
from ops.runtime.metrics import UNREADABLE_QUOTES
from storage.controls.announce import Announcer
from storage.controls.tail import ControlsTail
from storage.models.calendars import Calendar
from storage.mongo.controls import ControlDocuments
from storage.mongo.latest_quotes import LatestQuotes
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors, ReaderAnchors
from storage.reference import ReferenceData
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, RISK_SIGNALS, VENUE_REQUESTS
from streams.orders.board import MarketBoard
from streams.orders.market_tail import MarketTail
from streams.orders.relays import risk_signals, venue_requests
from streams.owner.own_records import OwnRecords
from streams.owner.owner import Owner
from streams.owner.ports import OwnerOptions, OwnerPorts, OwnerTopics
from streams.owner.relay import Relay
from streams.owner.relayed import RelayedOwner

GROUP = "orders"
_QUOTES_SECONDS = 10.0
_log = logging.getLogger(__name__)


def open_order_core(
    platform: Platform,
    background: Background,
    reference: Callable[[], ReferenceData],
    *,
    quote_group: str,
    options: OwnerOptions | None = None,
) -> OwnedRole:
    """The order core, reading quotes and controls in the background, owning nothing yet. Call it inside the loop.

    `quote_group` is the consumer group of the processor that writes the latest quotes.
    """
    log, clock, database = platform.log, platform.clock, platform.store.database
    board = MarketBoard(_calendars(reference), _unreadable(platform))
    market = MarketTail(log, board, LatestQuotes(database), clock, quote_group=quote_group)
    controls = ControlsTail(log, ControlDocuments(database))
    own = OwnRecords(log, platform.topics[ORDER_EVENTS])
    ports = OwnerPorts(
        log,
        Checkpoints(database, ORDER_EVENTS),
        Floors(database, ORDER_EVENTS),
        ClaimHistories(database, ORDER_EVENTS),
        _Surroundings(controls, market),
        clock,
        platform.identifiers,
        OrderObserver(platform.metrics, clock),
        own,
    )
    rules = MeasuredRules(board, controls, platform.metrics)
    owner = Owner(rules, ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS), options)
    relayed = RelayedOwner(owner, lambda partition: _relays(platform, own, partition))
    background.start(controls.run(), "controls")
    background.start(show_controls(controls, platform.metrics), "metrics of the controls")
    background.start(market.run(), "quotes of the order core")
    background.start(Announcer(log, ControlDocuments(database), clock).run(), "controls left over")
    return OwnedRole(
        group=GROUP,
        commands=ORDER_COMMANDS,
        records=ORDER_EVENTS,
        owner=relayed,
        reports=relayed.reports,
        failure=relayed.failure,
        checks={"quotes": market.check},
    )


class _Surroundings:
    """`streams.owner.ports.Controls`. The first claims also wait for the quotes, 10 s at most: cancels need none."""

    def __init__(self, controls: ControlsTail, market: MarketTail) -> None:
        self._controls, self._market = controls, market

    @property
    def version(self) -> int:
        """The version of the controls that `decide` sees."""
        return self._controls.version

    async def catch_up(self) -> None:
        """See `Controls.catch_up`."""
        await self._controls.catch_up()
        try:
            async with asyncio.timeout(_QUOTES_SECONDS):
                await self._market.ready()
        except TimeoutError:
            _log.warning("deciding begins while quotes are still being read: until then every symbol counts as stale")


def _calendars(reference: Callable[[], ReferenceData]) -> Callable[[str], Calendar | None]:
    def calendar_of(symbol: str) -> Calendar | None:
        data = reference()
        return data.calendar_of(symbol) if symbol in data.instruments else None

    return calendar_of


def _unreadable(platform: Platform) -> Callable[[str, str], None]:
    counter = platform.metrics.counter(UNREADABLE_QUOTES)

    def tell(symbol: str, why: str) -> None:
        counter.inc()
        _log.warning("the newest quote of %s counts as none: %s", symbol, why)

    return tell


def _relays(platform: Platform, own: OwnRecords, partition: int) -> list[Relay]:
    """What the records of a partition ask of venues, and what they signal."""
    targets = {VENUE_REQUESTS: venue_requests, RISK_SIGNALS: risk_signals}
    return [
        Relay(
            platform.log,
            source=ORDER_EVENTS,
            partition=partition,
            target=target,
            translate=translate,
            anchors=ReaderAnchors(platform.store.database, f"{target} relay", ORDER_EVENTS),
            own=own,
            sent=relay_delay(platform, target),
        )
        for target, translate in targets.items()
    ]
