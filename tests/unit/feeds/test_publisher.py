"""The publisher over the memory log: what stands on the topics, what is dropped, and where a broken run goes on."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.log.memory import MemoryLog
from storage.log.port import AppendUnknown, Message, Position, Record
from storage.models.market_data import Correction, Quote, Trade, encode
from storage.topics import QUOTES, TRADES, Topics
from streams.feeds.feed_position import FeedPosition, position_of
from streams.feeds.identities import Identity, RecentIdentities
from streams.feeds.port import FeedRecord
from streams.feeds.publisher import FeedPublisher

SYMBOLS = ("AAPL.US", "BTCUSDT.BINANCE", "EURUSD.OANDA")


class CountingIdentifiers:
    def __init__(self) -> None:
        self.made = 0

    def new(self, prefix: str) -> str:
        self.made += 1
        return f"{prefix}_{self.made:032x}"

    def event_id(self) -> str:
        self.made += 1
        return f"00000000-0000-7000-8000-{self.made:012x}"


class BreakingLog(MemoryLog):
    """Gives up before the nth append of a message: the end of a process in the middle of a batch."""

    appends_left = 10**9

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        positions: list[Position] = []
        for message in messages:
            if self.appends_left == 0:
                raise AppendUnknown("the broker went away")
            self.appends_left -= 1
            positions += await super().append_many(topic, [message])
        return positions


def trade(
    line: int, symbol: str = "AAPL.US", *, seq: int | None = None, correction: Correction | None = None
) -> FeedRecord:
    payload = Trade(
        symbol=symbol,
        venue="XNAS",
        trade_id=str(line),
        venue_seq=line if seq is None else seq,
        price="229.5",
        quantity="10",
        side="buy",
        ts="2026-11-20T15:00:00Z",
        ts_in="2026-11-20T15:00:00.1Z",
        correction=correction,
    )
    return FeedRecord(payload, line)


def quote(line: int, symbol: str = "AAPL.US", depth: bytes | None = None) -> FeedRecord:
    payload = Quote(
        symbol=symbol,
        venue="XNAS",
        last=str(line),
        bid="1",
        ask="2",
        bid_size="1",
        ask_size="1",
        session_state="open",
        ts="2026-11-20T15:00:00Z",
        ts_in="2026-11-20T15:00:00.1Z",
        bids=(("1", "1"),) if depth else None,
        asks=(("2", "1"),) if depth else None,
    )
    return FeedRecord(payload, line, depth)


async def records_of(log: MemoryLog, topic: str) -> list[Record]:
    found: list[Record] = []
    for partition, (first, following) in (await log.bounds(topic)).items():
        async for batch in log.read(topic, partition, first, following):
            found += batch
    return sorted(found, key=line_of)


def line_of(record: Record) -> int:
    position = position_of(record.headers)
    assert position is not None
    return position.line


def values(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"null") for record in records]


async def test_a_record_is_encoded_once_with_key_and_headers() -> None:
    log = MemoryLog(Topics())
    publisher = FeedPublisher(log, CountingIdentifiers(), "synthetic-7")
    depth = b'{"bids":[["1","1"]],"asks":[["2","1"]]}'
    await publisher([trade(1), quote(2, depth=depth), quote(3)])
    [print_] = await records_of(log, TRADES)
    assert (print_.key, print_.value) == (b"AAPL.US", encode(trade(1).payload))
    assert dict(print_.headers)["schema"] == b"trade.1"
    with_depth, without = await records_of(log, QUOTES)
    assert dict(with_depth.headers)["depth"] == depth
    assert "depth" not in dict(without.headers)
    assert dict(without.headers)["schema"] == b"quote.1"
    assert position_of(without.headers) == FeedPosition("synthetic-7", 3, -1)
    assert (with_depth.value or b"").endswith(b'"bids":[["1","1"]],"asks":[["2","1"]]}')
    events = [dict(record.headers)["event-id"] for record in (print_, with_depth, without)]
    assert len(set(events)) == 3
    traces = {dict(record.headers)["traceparent"] for record in (print_, with_depth, without)}
    assert len(traces) == 1
    version, trace_id, span_id, flags = traces.pop().decode().split("-")
    assert (version, len(trace_id), len(span_id), flags) == ("00", 32, 16, "00")
    assert publisher.counts.trades == 1
    assert publisher.counts.quotes == 2


async def test_repeats_are_dropped_within_a_call_and_over_calls_but_corrections_are_none() -> None:
    log = MemoryLog(Topics())
    publisher = FeedPublisher(log, CountingIdentifiers(), "r")
    await publisher([trade(1), trade(2, seq=1), trade(3, "EURUSD.OANDA", seq=1)])
    await publisher([trade(4, seq=1), trade(5, seq=1, correction=Correction("cancel", 1))])
    await publisher([trade(6, seq=1, correction=Correction("cancel", 1))])
    assert [line_of(record) for record in await records_of(log, TRADES)] == [1, 3, 5]
    assert publisher.counts.repeats == 3


async def test_an_identity_is_forgotten_after_so_many_others_and_in_another_run() -> None:
    log = MemoryLog(Topics())
    publisher = FeedPublisher(log, CountingIdentifiers(), "r", remembered=3)
    await publisher([trade(line) for line in range(1, 5)])
    await publisher([trade(5, seq=4), trade(6, seq=2), trade(7, seq=1)])
    assert [line_of(record) for record in await records_of(log, TRADES)] == [1, 2, 3, 4, 7]
    publisher.begin("r-second-pass")
    await publisher([trade(1, seq=4)])
    assert len(await records_of(log, TRADES)) == 6


IDENTITIES = st.tuples(st.sampled_from("AB"), st.integers(-2, 6), st.sampled_from([None, "cancel"]))


@given(st.lists(IDENTITIES), st.integers(1, 5))
def test_the_last_identities_are_known_and_no_others(added: list[Identity], capacity: int) -> None:
    recent, model = RecentIdentities(capacity), dict[Identity, None]()
    for identity in added:
        assert (identity in recent) == (identity in model)
        recent.add(identity)
        model.setdefault(identity)
        for forgotten in list(model)[:-capacity]:
            del model[forgotten]
    assert [identity for identity in added if identity in recent] == [one for one in added if one in model]


@pytest.mark.parametrize("break_after", range(26))
@pytest.mark.parametrize("batch", [1, 3, 8])
async def test_a_broken_run_goes_on_without_losing_or_repeating(break_after: int, batch: int) -> None:
    """Whatever the message after which the process ends: the log then holds each trade and quote exactly once, in order."""
    source = [(trade if line % 3 else quote)(line, SYMBOLS[line % 2 + line % 3 // 2]) for line in range(25)]
    log = BreakingLog(Topics())
    other = FeedPublisher(log, CountingIdentifiers(), "another run")
    await other([trade(900, seq=3), quote(901)])
    log.appends_left = break_after
    first = FeedPublisher(log, CountingIdentifiers(), "run")
    try:
        for start in range(0, 25, batch):
            await first(source[start : start + batch])
    except AppendUnknown:
        log.appends_left = 10**9
    log.appends_left = 10**9
    second = FeedPublisher(log, CountingIdentifiers(), "run")
    resume_after = await second.resume()
    for record in source:
        if record.line > (-1 if resume_after is None else resume_after):
            await second([record])
    everything = [*await records_of(log, TRADES), *await records_of(log, QUOTES)]
    mine = sorted(line_of(record) for record in everything if (position_of(record.headers) or ("",))[0] == "run")
    assert mine == list(range(25))
    for symbol in SYMBOLS:
        on_log = [line_of(r) for r in everything if r.key == symbol.encode() and r.topic == QUOTES and line_of(r) < 900]
        assert on_log == sorted(on_log)


async def test_a_run_of_many_symbols_goes_on_with_the_newest_of_all_of_them_remembered() -> None:
    """However the symbols are spread over partitions: what is remembered is the last so many of the run."""
    symbols = [f"S{number}.US" for number in range(8)]
    source = [trade(line, symbols[line % 8]) for line in range(64)]
    log = BreakingLog(Topics())
    first = FeedPublisher(log, CountingIdentifiers(), "run", remembered=16)
    await first(source[:48])
    log.appends_left = 12
    with pytest.raises(AppendUnknown):
        await first(source[48:])
    log.appends_left = 10**9
    second = FeedPublisher(log, CountingIdentifiers(), "run", remembered=16)
    resume_after = await second.resume()
    assert resume_after is not None
    await second(source[resume_after + 1 :])
    assert sorted(line_of(record) for record in await records_of(log, TRADES)) == list(range(64))


async def test_a_run_that_is_not_there_begins_anew_and_names_are_not_mixed_up() -> None:
    log = MemoryLog(Topics())
    await FeedPublisher(log, CountingIdentifiers(), "run-10")([trade(5), quote(6)])
    assert await FeedPublisher(log, CountingIdentifiers(), "run-1").resume() is None
    assert await FeedPublisher(log, CountingIdentifiers(), "run-10").resume() == -1


async def test_what_was_not_acknowledged_may_be_sent_again() -> None:
    log = BreakingLog(Topics())
    publisher = FeedPublisher(log, CountingIdentifiers(), "run")
    log.appends_left = 0
    with pytest.raises(AppendUnknown):
        await publisher([trade(1)])
    log.appends_left = 10
    await publisher([trade(1)])
    assert len(await records_of(log, TRADES)) == 1
    assert publisher.counts.trades == 1


async def test_nothing_to_publish_is_no_call_of_the_log() -> None:
    log = BreakingLog(Topics())
    log.appends_left = 0
    publisher = FeedPublisher(log, CountingIdentifiers(), "run")
    await publisher([])
    assert publisher.counts.quotes == 0


def test_a_malformed_position_is_an_error_not_a_guess() -> None:
    assert position_of([("schema", b"x")]) is None
    with pytest.raises(msgspec.ValidationError):
        position_of([("feed-position", b'["run"]')])
