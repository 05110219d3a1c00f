"""The control services over a platform's log and store: the announcer and the kill switch."""

from ops.processes.platform import Platform
from storage.controls.announce import Announcer
from storage.controls.claims import NewestClaims
from storage.controls.halting import Halting
from storage.mongo.controls import ControlDocuments
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.ownership import ClaimHistories, Floors
from storage.topics import ORDER_EVENTS


def announcer_of(platform: Platform) -> Announcer:
    """Changes controls."""
    return Announcer(platform.log, ControlDocuments(platform.store.database), platform.clock)


def halting_of(platform: Platform) -> Halting:
    """Halts trading, and knows when that is applied."""
    database = platform.store.database
    claims = NewestClaims(
        platform.log,
        ORDER_EVENTS,
        platform.topics[ORDER_EVENTS].partitions,
        ClaimHistories(database, ORDER_EVENTS),
        Floors(database, ORDER_EVENTS),
    )
    return Halting(announcer_of(platform), claims, Heartbeats(database), platform.clock)
