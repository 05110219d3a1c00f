"""The simulated venue in memory: decides and takes its own records in. Where a log stands between, its owner does."""

from collections.abc import Iterable

from storage.models.venues import VenueRecord, VenueRequest
from storage.reference import ReferenceData
from streams.venues.simulated.board import FeedBoard
from streams.venues.simulated.decide import Command, Elapsed, QuoteMoved, Requested, decide, symbol_of
from streams.venues.simulated.rules import Rules
from streams.venues.simulated.schedule import next_due
from streams.venues.simulated.state import SymbolState, evolve


class SimulatedVenue:
    """All symbols of one process (or partition). Every call tells the time in ns; the answer is what has changed."""

    def __init__(self, reference: ReferenceData, rules: Rules | None = None, epoch: int = -1) -> None:
        self.board = FeedBoard(reference, rules)
        self.states: dict[str, SymbolState] = {}
        self._epoch = epoch

    def state(self, symbol: str) -> SymbolState:
        """The symbol's state, a new one when nothing has happened there yet."""
        known = self.states.get(symbol)
        if known is None:
            known = self.states[symbol] = SymbolState(symbol)
        return known

    def request(self, offset: int, request: VenueRequest, now: int) -> VenueRecord:
        """Take a request in; always gives a record."""
        record = self._decide(Requested(offset, request), now)
        assert record is not None  # noqa: S101  (a request always gives one)
        return record

    def quote(self, symbol: str, offset: int, value: bytes, now: int) -> VenueRecord | None:
        """Take a record of `quotes` in."""
        feed, state = self.board.see(symbol, offset, value), self.states.get(symbol)
        if feed is None or state is None or not self.board.moves(state, feed):
            return None
        return self._decide(QuoteMoved(symbol, feed), now)

    def tick(self, now: int) -> list[VenueRecord]:
        """Do what has fallen due."""
        scheduled = [state.symbol for state in self.states.values() if state.is_scheduled]
        records = (self._decide(Elapsed(symbol), now) for symbol in scheduled)
        return [record for record in records if record is not None]

    def next_due(self, now: int) -> int | None:
        """When `tick` is worth a call next (ns)."""
        scheduled = (state for state in self.states.values() if state.is_scheduled)
        dues = (next_due(state, self.board.market(state.symbol, now)) for state in scheduled)
        return min((due for due in dues if due is not None), default=None)

    def replay(self, records: Iterable[VenueRecord]) -> None:
        """Take records in that were made before."""
        for record in records:
            evolve(self.state(record.symbol), record)

    def _decide(self, command: Command, now: int) -> VenueRecord | None:
        symbol = symbol_of(command)
        state = self.state(symbol)
        feed = command.feed if isinstance(command, QuoteMoved) else None
        record = decide(state, command, self.board.market(symbol, now, self._epoch, feed))
        if record is not None:
            evolve(state, record)
        return record
