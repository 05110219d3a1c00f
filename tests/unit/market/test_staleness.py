"""Staleness: the rule by calendar and clock, and a processor whose restarts neither repeat nor lose a change."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import SYMBOLS_STALE, Metrics
from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.log.memory import MemoryLog
from storage.log.port import Message
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.market_data import Quote, QuoteState, decode_quote_state, encode
from storage.reference import ReferenceData
from storage.topics import QUOTE_STATES, QUOTES, RISK_SIGNALS, Topics
from streams.market.bars.intervals import SECOND
from streams.market.known_markets import KnownMarkets
from streams.market.latest_quotes_processor import LatestQuotesProcessor
from streams.market.staleness.processor import StalenessProcessor
from streams.market.staleness.rules import Watched, verdict

PATIENCE = 10 * SECOND
DAY_0 = 1_700_006_400 * SECOND  # midnight UTC
OPEN_AT, CLOSE_AT = DAY_0 + 36_000 * SECOND, DAY_0 + 57_600 * SECOND


@pytest.fixture
def markets(reference: Callable[[], ReferenceData]) -> KnownMarkets:
    return KnownMarkets(reference)


@pytest.mark.parametrize(
    ("symbol", "quoted", "after", "feed_and_session"),
    [
        ("A.X", DAY_0, 0, ("live", "open")),
        ("A.X", DAY_0, 10, ("live", "open")),
        ("A.X", DAY_0, 10.001, ("stale", "open")),
        ("S.X", OPEN_AT, 10.001, ("stale", "open")),
        ("S.X", OPEN_AT - SECOND, 10, ("live", "open")),  # silent for 10 s, but the venue has been open for 9
        ("S.X", OPEN_AT - 3_600 * SECOND, 3_609.9, ("live", "open")),
        ("S.X", OPEN_AT - 3_600 * SECOND, 3_610.1, ("stale", "open")),
        ("S.X", OPEN_AT - 3_000 * SECOND, 600, ("live", "premarket")),
        ("S.X", CLOSE_AT - SECOND, 1, ("closed", "closed")),
        ("S.X", CLOSE_AT - 60 * SECOND, 3_600, ("closed", "closed")),
        ("S.X", CLOSE_AT + SECOND, 0, ("closed", "closed")),
    ],
)
def test_verdicts(
    markets: KnownMarkets, symbol: str, quoted: int, after: float, feed_and_session: tuple[str, str]
) -> None:
    now = quoted + round(after * SECOND)
    state = verdict(Watched(symbol, quoted, quoted), now, PATIENCE, markets.session_of)
    assert state is not None
    assert (state.feed_state, state.session_state) == feed_and_session
    assert state.since == state.ts == format_timestamp(now)


def test_a_recording_has_its_own_clock_for_sessions_and_the_wall_clock_for_silence(markets: KnownMarkets) -> None:
    wall = OPEN_AT + 365 * 86_400 * SECOND + 50_000 * SECOND  # at night, a year later
    at_the_close = Watched("S.X", CLOSE_AT - 5 * SECOND, wall)
    states = [verdict(at_the_close, wall + seconds * SECOND, PATIENCE, markets.session_of) for seconds in (0, 4, 5)]
    assert [(state.feed_state, state.session_state) for state in states if state] == [
        ("live", "open"),
        ("live", "open"),
        ("closed", "closed"),
    ]


def test_since_is_kept_while_the_feed_state_stays(markets: KnownMarkets) -> None:
    before = QuoteState("S.X", "live", "premarket", "2023-11-15T09:30:00Z", "2023-11-15T09:30:00Z")
    state = verdict(Watched("S.X", OPEN_AT, OPEN_AT, before), OPEN_AT, PATIENCE, markets.session_of)
    assert state == QuoteState("S.X", "live", "open", before.since, "2023-11-15T10:00:00Z")
    assert verdict(Watched("S.X", OPEN_AT, OPEN_AT, state), OPEN_AT + 1, PATIENCE, markets.session_of) is None


class KeptQuotes:
    """`LatestQuotesRepository` in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, LatestQuoteDocument] = {}

    async def upsert_many(self, documents: Sequence[LatestQuoteDocument], /) -> None:
        self.kept.update((document.symbol, document) for document in documents)

    async def get_many(self, symbols: Sequence[str], /) -> dict[str, LatestQuoteDocument]:
        return {symbol: self.kept[symbol] for symbol in symbols if symbol in self.kept}


class Bench:
    """The two quote processors on one partition, as the runner would drive them."""

    def __init__(
        self, log: MemoryLog, topics: Topics, clock: ManualClock, reference: Callable[[], ReferenceData]
    ) -> None:
        self.log, self.topics, self.clock, self.reference = log, topics, clock, reference
        self.quotes, self.metrics, self.read = KeptQuotes(), Metrics(), 0
        self.latest = LatestQuotesProcessor(
            quotes=self.quotes, log=log, clock=clock, metrics=self.metrics, reference=reference
        )

    async def start(self) -> None:
        self.processor = StalenessProcessor(
            quotes=self.quotes, log=self.log, topics=self.topics, clock=self.clock, metrics=self.metrics,
            reference=self.reference,
        )  # fmt: skip
        await self.processor.assign(0, self.read or None)

    async def append(self, *symbols: str) -> None:
        now = format_timestamp(self.clock.now())
        for symbol in symbols:
            value = encode(Quote(symbol, "X", "1", "1", "2", "1", "1", "open", now, now))
            await self.log.append(QUOTES, Message(symbol.encode(), value))

    async def take(self) -> None:
        """Fold all that is on the log and flush."""
        end = (await self.log.bounds(QUOTES))[0].next
        async for batch in self.log.read(QUOTES, 0, self.read, end):
            await self.latest.fold(0, batch)
            await self.processor.fold(0, batch)
        await self.latest.flush()
        await self.processor.flush()
        self.read = end

    async def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.processor.tick(self.clock.now())

    async def states(self) -> list[tuple[str, str]]:
        values = await self._values(QUOTE_STATES)
        return [(state.symbol, state.feed_state) for state in map(decode_quote_state, values)]

    async def signals(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(value) for value in await self._values(RISK_SIGNALS)]

    async def _values(self, topic: str) -> list[bytes]:
        number = self.topics.partition(topic, b"platform") if topic == RISK_SIGNALS else 0
        bounds = (await self.log.bounds(topic))[number]
        return [record.value async for batch in self.log.read(topic, number, 0, bounds.next) for record in batch]


@pytest.fixture
async def bench(log: MemoryLog, topics: Topics, clock: ManualClock, reference: Callable[[], ReferenceData]) -> Bench:
    bench = Bench(log, topics, clock, reference)
    await bench.start()
    return bench


async def test_silence_is_raised_and_the_next_quote_clears_it_under_one_id(bench: Bench) -> None:
    await bench.append("A.X")
    await bench.take()
    await bench.tick(9)
    await bench.tick(2)
    await bench.tick(5)
    assert await bench.states() == [("A.X", "live"), ("A.X", "stale")]
    assert bench.metrics.gauge(SYMBOLS_STALE)._value.get() == 1
    await bench.append("A.X")
    await bench.take()
    assert await bench.states() == [("A.X", "live"), ("A.X", "stale"), ("A.X", "live")]
    raised, cleared = await bench.signals()
    assert raised["signal_id"] == cleared["signal_id"]
    assert (raised["state"], cleared["state"]) == ("raised", "cleared")
    assert (raised["code"], raised["severity"], raised["platform"], raised["symbol"]) == (
        "feed.stale", "warning", True, "A.X",
    )  # fmt: skip
    assert raised["figures"] == {"age_ms": 11_000, "stale_after_ms": 10_000, "session_state": "open"}
    assert parse_timestamp(raised["ts"]) == bench.clock.now() - 5 * SECOND
    assert bench.metrics.gauge(SYMBOLS_STALE)._value.get() == 0


async def test_a_symbol_that_never_had_a_quote_is_not_judged(bench: Bench) -> None:
    await bench.append("A.X")
    await bench.take()
    await bench.tick(60)
    assert {symbol for symbol, _ in await bench.states()} == {"A.X"}


async def test_unread_quotes_are_no_silence(bench: Bench) -> None:
    await bench.append("A.X")
    await bench.take()
    bench.clock.advance(11)
    await bench.append("A.X")
    await bench.tick(0)
    assert await bench.states() == [("A.X", "live")]
    await bench.take()
    await bench.tick(2)
    assert await bench.states() == [("A.X", "live")]


@pytest.mark.parametrize("silent_for", [11, 400])
async def test_a_restart_repeats_nothing_and_goes_on(bench: Bench, silent_for: float) -> None:
    await bench.append("A.X", "B.X")
    await bench.take()
    await bench.tick(silent_for)
    told = await bench.states(), await bench.signals()
    assert len(told[1]) == 2
    await bench.start()
    await bench.tick(2)
    assert (await bench.states(), await bench.signals()) == told
    assert bench.metrics.gauge(SYMBOLS_STALE)._value.get() == 2
    await bench.append("B.X")
    await bench.take()
    assert (await bench.signals())[-1] == {
        **next(one for one in told[1] if one["symbol"] == "B.X"),
        "state": "cleared",
        "figures": {"feed_state": "live", "session_state": "open"},
        "ts": format_timestamp(bench.clock.now()),
    }


async def test_quotes_that_came_while_it_was_down_are_read_before_anything_is_said(bench: Bench) -> None:
    await bench.append("A.X")
    await bench.take()
    bench.clock.advance(60)
    await bench.append("A.X")
    await bench.start()
    await bench.tick(2)
    assert await bench.states() == [("A.X", "live")]
    await bench.take()
    await bench.tick(2)
    assert await bench.states() == [("A.X", "live")]


@pytest.mark.parametrize("break_at", [1, 2])
async def test_a_crash_between_state_and_signal_loses_neither(
    bench: Bench, fuse: Any, broken: type[Exception], break_at: int
) -> None:
    await bench.append("A.X")
    await bench.take()
    for seconds, signal in ((11, "raised"), (0, "cleared")):
        if signal == "cleared":
            await bench.append("A.X")
        fuse.calls, fuse.break_at = 0, break_at
        with pytest.raises(broken):
            await (bench.tick(seconds) if seconds else bench.take())
        fuse.break_at = None
        await bench.start()
        await bench.take()
        await bench.tick(1)
        signals = await bench.signals()
        assert [one["state"] for one in signals] == ["raised", "cleared"][: len(signals)]
        assert signals[-1]["state"] == signal
    assert [feed for _, feed in await bench.states()] == ["live", "stale", "live"]
    assert len({one["signal_id"] for one in await bench.signals()}) == 1
