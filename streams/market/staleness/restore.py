"""What a staleness processor reads when it is given a partition, so that a restart neither repeats nor loses a change."""

from collections.abc import AsyncIterator, Collection

import msgspec

from ops.runtime.timestamps import parse_timestamp
from storage.log.port import Record
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.market_data import QuoteState, decode_quote_state
from storage.models.reading import UNREADABLE
from storage.topics import PLATFORM_KEY, QUOTE_STATES, RISK_SIGNALS, Topics
from streams.market.ports import LogRead
from streams.market.staleness.rules import Watched
from streams.market.staleness.signals import active_signals

SIGNALS_READ_BACK = 10_000


class QuoteTimes(msgspec.Struct):
    """The times of a quote; its other fields are not decoded."""

    ts: str
    ts_in: str


decode_times = msgspec.json.Decoder(QuoteTimes).decode


async def announced_states(log: LogRead, partition: int, symbols: Collection[str]) -> dict[str, QuoteState]:
    """The state announced last of each of `symbols`, out of the whole (compacted) partition of `quote-states`."""
    states: dict[str, QuoteState] = {}
    async for record in _records(log, QUOTE_STATES, partition, None):
        try:
            state = decode_quote_state(record.value or b"")
        except UNREADABLE:
            continue  # no state of ours; what it stood for is told again by the clock
        if state.symbol in symbols:
            states[state.symbol] = state
    return states


async def signals_under_way(log: LogRead, topics: Topics) -> dict[str, str]:
    """symbol -> signal_id of what the newest 10,000 records of the platform's `risk-signals` raise and do not clear."""
    partition = topics.partition(RISK_SIGNALS, PLATFORM_KEY)
    newest = [record async for record in _records(log, RISK_SIGNALS, partition, SIGNALS_READ_BACK)]
    return active_signals(newest)


def watched_of(document: LatestQuoteDocument, announced: QuoteState | None) -> Watched:
    """A symbol as its latest quote and its last announced state leave it."""
    return Watched(document.symbol, parse_timestamp(decode_times(document.value).ts), document.taken_in, announced)


async def _records(log: LogRead, topic: str, partition: int, newest: int | None) -> AsyncIterator[Record]:
    bounds = (await log.bounds(topic))[partition]
    start = bounds.first if newest is None else max(bounds.first, bounds.next - newest)
    if start < bounds.next:
        async for batch in log.read(topic, partition, start, bounds.next):
            for record in batch:
                yield record
