"""First step on the road of a synthetic quote and trade: paces the seeded stream on a clock. The only impure module here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.reference import ReferenceData
from streams.feeds.port import Publish
from streams.feeds.synthetic.venues import SyntheticVenues

SHORTEST_PAUSE_SECONDS: Final = 0.01


class SyntheticFeed:
    """Publishes the synthetic markets of `symbols` (all instruments by default) until its task is cancelled.

    Same seed and same clock, same stream. `rate`: so many updates a second in all, whatever the session.
    Raises `ValueError` for an unknown symbol, none at all, or a rate that is not above 0.
    """

    def __init__(
        self,
        reference: ReferenceData,
        clock: Clock,
        seed: int,
        *,
        symbols: Sequence[str] | None = None,
        rate: float | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        chosen = tuple(sorted(reference.instruments if symbols is None else set(symbols)))
        unknown = [symbol for symbol in chosen if symbol not in reference.instruments]
        if unknown:
            raise ValueError(f"no such symbol: {', '.join(unknown)}")
        if not chosen:
            raise ValueError("there is no symbol to publish; `omniaxs markets load` loads instruments")
        self._symbols, self._clock, self._sleep = chosen, clock, sleep
        self._venues = SyntheticVenues(reference, chosen, seed, clock.now(), rate)

    @property
    def name(self) -> str:
        """`synthetic`."""
        return "synthetic"

    @property
    def symbols(self) -> Sequence[str]:
        """What it publishes, sorted."""
        return self._symbols

    async def run(self, publish: Publish) -> None:
        """Publish what is due, sleep until something is, for ever. A log that is slow makes it leave updates out."""
        while True:
            records = self._venues.advance(self._clock.now())
            if records:
                await publish(records)
            pause = (self._venues.next_due - self._clock.now()) / NANOSECONDS_PER_SECOND
            await self._sleep(max(SHORTEST_PAUSE_SECONDS, pause))
