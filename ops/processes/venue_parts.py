"""The role `venues`: the simulated venue, owner of `venue-requests`, made of a platform's log and store."""

from collections.abc import Callable

from ops.processes.checks import QUOTES_BOUND
from ops.processes.lifetime import Background
from ops.processes.owned_role import OwnedRole
from ops.processes.platform import Platform
from ops.processes.relay_metrics import relay_delay
from storage.controls.tail import ControlsTail
from storage.log.port import LogUnavailable
from storage.mongo.connector_checks import ConnectorChecks
from storage.mongo.controls import ControlDocuments
from storage.mongo.latest_quotes import LatestQuotes
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors, ReaderAnchors
from storage.reference import ReferenceData
from storage.topics import ORDER_COMMANDS, VENUE_REPORTS, VENUE_REQUESTS
from streams.owner.own_records import OwnRecords
from streams.owner.owner import Owner
from streams.owner.ports import OwnerPorts, OwnerTopics
from streams.owner.relay import Relay
from streams.owner.relayed import RelayedOwner
from streams.venues.calls import VenueCalls
from streams.venues.check_results import CheckResults
from streams.venues.quotes_tail import QuotesTail
from streams.venues.refused_quotes import RefusedQuotes
from streams.venues.relays import order_commands
from streams.venues.simulated.board import FeedBoard
from streams.venues.simulated.owner import SimulatedVenueOwner, VenueObserver
from streams.venues.simulated.owner_rules import SimulatedVenueRules
from streams.venues.simulated.rules import Rules
from streams.venues.simulated.surroundings import QuoteIntake, VenueClock, VenueControls

GROUP = "venues"


def open_venue(
    platform: Platform,
    background: Background,
    reference: Callable[[], ReferenceData],
    *,
    quote_group: str,
    rules: Rules | None = None,
) -> OwnedRole:
    """The simulated venue, reading quotes and controls in the background, owning nothing yet. Call it inside the loop.

    `quote_group` is the consumer group of the processor that writes the latest quotes.
    """
    log, topics, clock, database = platform.log, platform.topics, platform.clock, platform.store.database
    venue = SimulatedVenueRules(FeedBoard(reference(), rules))
    quotes = QuotesTail(log, LatestQuotes(database), quote_group=quote_group)
    followed = ControlsTail(log, ControlDocuments(database))
    controls = VenueControls(followed, quotes, venue, reference)
    calls, results = VenueCalls(platform.metrics, clock), CheckResults(ConnectorChecks(database))
    own = OwnRecords(log, topics[VENUE_REPORTS])
    ports = OwnerPorts(
        log,
        Checkpoints(database, VENUE_REPORTS),
        Floors(database, VENUE_REPORTS),
        ClaimHistories(database, VENUE_REPORTS),
        controls,
        clock,
        platform.identifiers,
        VenueObserver(calls, results),
        own,
    )
    owner = Owner(venue, ports, OwnerTopics(VENUE_REQUESTS, VENUE_REPORTS))
    relayed = RelayedOwner(
        SimulatedVenueOwner(owner, venue, quotes, calls, topics), lambda partition: [_relay(platform, own, partition)]
    )
    intake = QuoteIntake(venue, owner.aside, topics, reference)
    background.start(followed.run(), "venue controls")
    background.start(quotes.run(intake), "venue quotes")
    background.start(VenueClock(venue, controls, owner.aside, topics, clock).run(), "venue clock")
    background.start(results.run(), "connector checks")
    background.start(RefusedQuotes(venue.board, log, topics, clock, platform.metrics).run(), "refused quotes")

    async def quotes_are_near() -> str | None:
        try:
            behind = await quotes.behind()
        except LogUnavailable as error:
            return str(error)
        return f"{behind} quotes behind" if behind > QUOTES_BOUND else None

    return OwnedRole(
        group=GROUP,
        commands=VENUE_REQUESTS,
        records=VENUE_REPORTS,
        owner=relayed,
        reports=relayed.reports,
        failure=relayed.failure,
        checks={"venue quotes": quotes_are_near},
    )


def _relay(platform: Platform, own: OwnRecords, partition: int) -> Relay:
    """What the venue says becomes commands of the orders' accounts."""
    anchors = ReaderAnchors(platform.store.database, "venue-relay", VENUE_REPORTS)
    return Relay(
        platform.log,
        source=VENUE_REPORTS,
        partition=partition,
        target=ORDER_COMMANDS,
        translate=order_commands,
        anchors=anchors,
        own=own,
        sent=relay_delay(platform, ORDER_COMMANDS),
    )
