"""On the road of an order (c): `venue-requests` -> here, the simulated venue -> `venue-reports`.

An owner whose quotes and states come and go with its partitions.
"""

import asyncio
from collections.abc import Callable, Sequence

from storage.log.port import Record
from storage.models.ownership import PartitionReport
from storage.models.venues import VenueRecord
from storage.topics import VENUE_REQUESTS, Topics
from streams.owner.owner import Owner
from streams.owner.ports import Membership
from streams.venues.calls import VenueCalls
from streams.venues.check_results import CheckResults
from streams.venues.quotes_tail import QuotesTail
from streams.venues.simulated.decide import Command
from streams.venues.simulated.owner_rules import SimulatedVenueRules
from streams.venues.simulated.state import SymbolState


class SimulatedVenueOwner:
    """`CommandOwner` over the owner of `venue-requests`."""

    def __init__(
        self,
        owner: Owner[SymbolState, Command, VenueRecord],
        rules: SimulatedVenueRules,
        quotes: QuotesTail,
        calls: VenueCalls,
        topics: Topics,
    ) -> None:
        self._owner, self._rules, self._quotes, self._calls, self._topics = owner, rules, quotes, calls, topics
        self.failure: asyncio.Future[None] = owner.failure

    async def assigned(self, partition: int, membership: Membership) -> int:
        """See `CommandOwner.assigned`. The claim waits for the partition's quotes (`VenueControls.catch_up`)."""
        self._quotes.follow(partition)
        return await self._owner.assigned(partition, membership)

    async def take(self, partition: int, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        """See `CommandOwner.take`."""
        self._calls.began(partition, records)
        await self._owner.take(partition, records, acknowledge)

    async def drain(self) -> None:
        """See `CommandOwner.drain`."""
        await self._owner.drain()

    async def revoked(self, partition: int) -> None:
        """See `CommandOwner.revoked`. Nothing of the partition is kept, unless it has come back meanwhile."""
        self._quotes.leave(partition)
        await self._owner.revoked(partition)
        if self._quotes.follows(partition):
            return
        self._rules.let_go(lambda symbol: self._topics.partition(VENUE_REQUESTS, symbol.encode()) == partition)
        self._calls.forget(partition)

    def reports(self) -> list[PartitionReport]:
        """For the heartbeat."""
        return self._owner.reports()


class VenueObserver:
    """`streams.owner.ports.Observer`: what stands on the log is counted, and told to those who wait outside it."""

    def __init__(self, calls: VenueCalls, results: CheckResults) -> None:
        self._calls, self._results = calls, results

    def acknowledged(self, partition: int, offset: int, event: VenueRecord) -> None:  # noqa: ARG002
        """A record stands."""
        self._calls.acknowledged(partition, event)
        if event.checked is not None:
            self._results.put(event.checked)
