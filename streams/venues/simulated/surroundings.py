"""What reaches the simulated venue besides requests: controls, quotes and the clock, as the owner of its partitions takes it.

All of it becomes asides of the partition that it concerns; for one that is not owned here they are dropped.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from ops.runtime.clock import Clock
from storage.log.port import Record
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.venues import ConnectorFault
from storage.reference import ReferenceData
from storage.topics import QUOTES, Topics
from streams.venues.quotes_tail import QuotesTail
from streams.venues.simulated.decide import Command, symbol_of
from streams.venues.simulated.owner_rules import SimulatedVenueRules

TICK_SECONDS: Final = 0.01
Aside = Callable[[int, Sequence[Command]], None]
"""`streams.owner.owner.Owner.aside`."""


class FaultControls(Protocol):
    """`storage.controls.tail.ControlsTail`."""

    @property
    def version(self) -> int: ...
    @property
    def faults(self) -> Mapping[str, ConnectorFault]: ...
    async def catch_up(self) -> None: ...


class VenueControls:
    """`streams.owner.ports.Controls`. A claim also waits for the quotes: it decides by the market of the moment."""

    def __init__(
        self,
        controls: FaultControls,
        quotes: QuotesTail,
        rules: SimulatedVenueRules,
        reference: Callable[[], ReferenceData],
    ) -> None:
        self._controls, self._quotes, self._rules, self._reference = controls, quotes, rules, reference
        self._version = -1

    @property
    def version(self) -> int:
        """The version whose faults the venue obeys."""
        return self._version

    async def catch_up(self) -> None:
        """Read controls and quotes up to their ends. Raises `LogUnavailable` or `StoreUnavailable`."""
        await self._controls.catch_up()
        await self._quotes.catch_up()
        self.apply()

    def apply(self) -> None:
        """Let what has changed take effect."""
        board, version = self._rules.board, self._controls.version
        board.reference = self._reference()
        if version != self._version:
            board.faults, self._version = self._controls.faults, version
            self._rules.look_again()


class QuoteIntake:
    """`streams.venues.quotes_tail.QuotesReader`: quotes become asides where they may change something."""

    def __init__(
        self, rules: SimulatedVenueRules, aside: Aside, topics: Topics, reference: Callable[[], ReferenceData]
    ) -> None:
        self._rules, self._aside, self._topics, self._reference = rules, aside, topics, reference

    def symbols(self, partition: int) -> Iterable[str]:
        """The instruments whose quotes stand in a partition."""
        every = self._reference().instruments
        return [symbol for symbol in every if self._topics.partition(QUOTES, symbol.encode()) == partition]

    def seed(self, quote: LatestQuoteDocument) -> None:
        """The book of a symbol as it was before the tail."""
        self._rules.board.see(quote.symbol, quote.offset, quote.value)

    def take(self, partition: int, records: Sequence[Record]) -> None:
        """Newer books."""
        if asides := self._rules.quotes_seen(records):
            self._aside(partition, asides)


class VenueClock:
    """Asks the rules every 10 ms what is due."""

    def __init__(
        self, rules: SimulatedVenueRules, controls: VenueControls, aside: Aside, topics: Topics, clock: Clock
    ) -> None:
        self._rules, self._controls, self._aside = rules, controls, aside
        self._topics, self._clock = topics, clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Do what is due now."""
        self._controls.apply()
        for command in self._rules.due(self._clock.now()):
            self._aside(self._topics.partition(QUOTES, symbol_of(command).encode()), [command])
