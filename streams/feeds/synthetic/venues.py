"""All synthetic instruments together: who is due when, in which session. Pure, seeded; the same clock gives the same stream.

Sessions are honoured (docs/decisions/0019): a closed venue makes no trades and says `closed`, but gives an indicative
quote every few seconds, so that each asset class is seen to live on a Sunday too.
"""

import heapq
from collections.abc import Sequence
from random import Random
from typing import Final

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from storage.models.calendar_rules import next_change, session_state
from storage.models.calendars import Calendar
from storage.models.market_data import SessionState
from storage.reference import ReferenceData
from streams.feeds.port import FeedRecord
from streams.feeds.synthetic.profiles import profile_of
from streams.feeds.synthetic.symbol_market import SymbolMarket

INDICATIVE_SECONDS: Final = 2.5
_PACE: Final[dict[SessionState, float]] = {"open": 1.0, "premarket": 0.25, "postmarket": 0.25}
_LATEST: Final = NANOSECONDS_PER_SECOND
_NEVER: Final = 2**63
_UNKNOWN: Final = -1


class _Listing:
    """One symbol's place in the schedule."""

    __slots__ = ("calendar", "changes_at", "market", "random", "rate", "state", "steady")

    def __init__(self, market: SymbolMarket, calendar: Calendar, random: Random, rate: float, *, steady: bool) -> None:
        self.market, self.calendar, self.random, self.rate, self.steady = market, calendar, random, rate, steady
        self.state: SessionState = "closed"
        self.changes_at = _UNKNOWN

    def state_at(self, moment: int) -> SessionState:
        self.state = session_state(self.calendar, moment)
        change = next_change(self.calendar, moment)
        self.changes_at = _NEVER if change is None else change
        return self.state

    def next_after(self, moment: int) -> int:
        """The next update: after a random time with the session's mean, or at the change of session."""
        mean = 1 / self.rate
        if not self.steady:
            mean = INDICATIVE_SECONDS if self.state == "closed" else mean / _PACE[self.state]
        pause = min(self.random.expovariate(1 / mean), 4 * mean)
        return min(moment + 1 + round(pause * NANOSECONDS_PER_SECOND), self.changes_at)


class SyntheticVenues:
    """The synthetic stream of `symbols` from `began` (ns) on.

    `rate` asks for so many updates a second in all, whatever the session (for benchmarks); without it each symbol has
    its class's pace. Raises `KeyError` for an unknown symbol, `ValueError` for a rate that is not above 0.
    """

    def __init__(
        self, reference: ReferenceData, symbols: Sequence[str], seed: int, began: int, rate: float | None = None
    ) -> None:
        if rate is not None and rate <= 0:
            raise ValueError(f"the rate must be above 0 updates a second, not {rate}")
        self._listings = [self._listing(reference, symbol, seed, began, steady=rate is not None) for symbol in symbols]
        if rate is not None:
            share = rate / sum(listing.rate for listing in self._listings)
            for listing in self._listings:
                listing.rate *= share
        self._line = 0
        self._now = began
        self._begin(began)

    def _begin(self, moment: int) -> None:
        self._due = [(moment, number) for number in range(len(self._listings))]
        for listing in self._listings:
            listing.changes_at = _UNKNOWN

    @staticmethod
    def _listing(reference: ReferenceData, symbol: str, seed: int, began: int, *, steady: bool) -> _Listing:
        instrument, calendar = reference.instruments[symbol], reference.calendar_of(symbol)
        profile = profile_of(instrument.asset_class, never_closes=calendar.always_open)
        random = Random(f"{seed}:{symbol}")  # noqa: S311  (a market, not a secret)
        market = SymbolMarket(instrument, profile, random, began)
        return _Listing(market, calendar, random, profile.updates_per_second, steady=steady)

    @property
    def next_due(self) -> int:
        """When something happens next (ns)."""
        return self._due[0][0]

    def advance(self, now: int) -> list[FeedRecord]:
        """Everything that has happened up to `now` (ns), in order of time, as taken in at `now`.

        After a pause of more than a second (a machine that slept) what was missed is left out; a clock that was set back
        by more starts the schedule anew from there.
        """
        if now < self._now - _LATEST:
            self._begin(now)
        self._now = now
        taken_in = format_timestamp(now)
        records: list[FeedRecord] = []
        while self._due[0][0] <= now:
            due, number = self._due[0]
            moment = max(due, now - _LATEST)
            records += self._happens(self._listings[number], moment, taken_in)
            heapq.heapreplace(self._due, (self._listings[number].next_after(moment), number))
        return records

    def _happens(self, listing: _Listing, moment: int, taken_in: str) -> list[FeedRecord]:
        state = listing.state if moment < listing.changes_at else listing.state_at(moment)
        trade, quote, depth = listing.market.update(moment, taken_in, state)
        records: list[FeedRecord] = []
        if trade is not None:
            self._line += 1
            records.append(FeedRecord(trade, self._line))
        self._line += 1
        records.append(FeedRecord(quote, self._line, depth))
        return records
