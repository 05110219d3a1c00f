"""First step on the road of a quote and a trade: what a market-data source promises, and where it publishes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.models.market_data import Quote, Trade


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """One quote or trade with its place in the source: `line` is the source's own position (file line or sequence).

    `depth` is the JSON for the `depth` header (up to 50 levels a side), only on a quote that a depth change made.
    """

    payload: Quote | Trade
    line: int
    depth: bytes | None = None


class Publish(Protocol):
    """Takes records in order; returns when the log has acknowledged them. Repeats of a trade's (run, symbol,
    `venue_seq`) among the last 100,000 are dropped here.
    """

    async def __call__(self, records: Sequence[FeedRecord]) -> None: ...


class Feed(Protocol):
    """A market-data source. `name` is its lease's and metrics' name; `symbols` are what it publishes."""

    @property
    def name(self) -> str: ...
    @property
    def symbols(self) -> Sequence[str]: ...

    async def run(self, publish: Publish) -> None:
        """Publish until the source ends (a file) or the task is cancelled (a live market)."""
        ...
