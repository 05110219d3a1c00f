"""The bars processor over the memory log: order of effects, dead letters, restarts, corrections, the clock."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import DEAD_LETTERS_TOTAL, Metrics
from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.log.dead_letters import letters
from storage.log.memory import MemoryLog
from storage.log.port import Message, Record
from storage.models.bars import BarDocument, BarKey
from storage.models.market_data import Bar, Correction, Trade, decode_bar, encode
from storage.models.wire_bars import wire_bar
from storage.reference import ReferenceData
from storage.topics import BARS, TRADES
from streams.market.bars.build import build_bars
from streams.market.bars.decimals import parse_decimal
from streams.market.bars.intervals import DAY, MINUTE, SECOND
from streams.market.bars.prints import Print
from streams.market.bars_processor import BarsProcessor

NOW = ManualClock().now()
MINUTE_0 = NOW - NOW % MINUTE - 5 * MINUTE


def trade(seconds: float, seq: int, price: str = "10", quantity: str = "1", symbol: str = "A.X", **more: Any) -> Trade:
    ts = MINUTE_0 + round(seconds * SECOND)
    return Trade(symbol, "X", str(seq), seq, price, quantity, "buy", format_timestamp(ts), format_timestamp(ts), **more)


def message(record: Trade) -> Message:
    return Message(record.symbol.encode(), encode(record), (("schema", b"trade.1"),))


class Bench:
    """One partition of trades: appends, and plays the runner."""

    def __init__(self, log: MemoryLog, bars: Any, clock: ManualClock, reference: Callable[[], ReferenceData]) -> None:
        self.log, self.bars, self.clock, self.reference = log, bars, clock, reference
        self.metrics = Metrics()
        self.committed: int | None = None
        self.processor = self.restarted()

    def restarted(self, lateness: int | None = DAY) -> BarsProcessor:
        self.processor = BarsProcessor(
            bars=self.bars,
            log=self.log,
            clock=self.clock,
            metrics=self.metrics,
            reference=self.reference,
            lateness=lateness,
        )
        return self.processor

    async def trades(self, *trades: Trade) -> None:
        for record in trades:
            await self.log.append(TRADES, message(record))

    async def records(self, topic: str, start: int = 0) -> list[Record]:
        bounds = (await self.log.bounds(topic))[0]
        return [record async for batch in self.log.read(topic, 0, start, bounds.next) for record in batch]

    async def run(self, batch: int = 1_000, *, flush_each: int = 1, commit_each: int = 1) -> None:
        """Assign and fold to the end of the log, flushing after each few batches and committing after each few flushes."""
        await self.processor.assign(0, self.committed)
        position = self.committed or 0
        records = await self.records(TRADES, position)
        for number, begin in enumerate(range(0, len(records), batch), 1):
            await self.processor.fold(0, records[begin : begin + batch])
            if number % flush_each == 0:
                await self.processor.flush()
                if number // flush_each % commit_each == 0:
                    self.committed = position + min(begin + batch, len(records))
        await self.processor.flush()
        self.committed = position + len(records)

    async def published(self) -> list[Bar]:
        return [decode_bar(record.value or b"") for record in await self.records(BARS)]

    async def dead(self) -> list[tuple[int, str]]:
        bounds = (await self.log.bounds("dead-letters"))[0]
        return [(found.letter.offset, found.letter.reason) for found in await letters(self.log, 0, bounds.next)]


@pytest.fixture
def bench(log: MemoryLog, kept_bars: Any, clock: ManualClock, reference: Callable[[], ReferenceData]) -> Bench:
    return Bench(log, kept_bars, clock, reference)


def minute(bench: Bench, number: int = 0, symbol: str = "A.X") -> BarDocument:
    bar: BarDocument = bench.bars.kept[BarKey(symbol, "1m", MINUTE_0 + number * MINUTE)]
    return bar


async def test_documents_are_written_before_their_records_and_say_the_same(bench: Bench) -> None:
    await bench.trades(trade(0, 1, "10.50"), trade(1, 2, "11", "0"))
    await bench.run()
    records = await bench.records(BARS)
    assert [dict(record.headers)["timeframe"] for record in records] == [b"1m", b"5m", b"15m", b"1h", b"1d"]
    assert {dict(record.headers)["schema"] for record in records} == {b"bar.1"}
    assert {record.key for record in records} == {b"A.X"}
    first = decode_bar(records[0].value or b"")
    assert first == wire_bar(minute(bench))
    assert (first.o, first.h, first.c, first.v, first.vwap, first.notional) == ("10.5", "11", "11", "1", "10.5", "10.5")
    assert (first.final, first.revision, first.trades) == (False, 0, 2)


async def test_nothing_changed_is_nothing_written(bench: Bench) -> None:
    await bench.trades(trade(0, 1))
    await bench.run()
    await bench.processor.flush()
    await bench.processor.tick(bench.clock.now())
    assert len(await bench.records(BARS)) == 5


async def test_a_flush_that_cannot_write_appends_nothing(bench: Bench, fuse: Any, broken: type[Exception]) -> None:
    await bench.trades(trade(0, 1))
    fuse.break_at = 1
    with pytest.raises(broken):
        await bench.run()
    assert await bench.records(BARS) == []


BAD: list[tuple[Message, str]] = [
    (Message(b"A.X", b"not json"), "trade.undecodable"),
    (Message(b"A.X", b'{"symbol":"A.X"}'), "trade.undecodable"),
    (Message(b"A.X", encode(trade(0, 1, price="1e3"))), "trade.undecodable"),
    (Message(b"A.X", encode(trade(0, 1, quantity="NaN"))), "trade.undecodable"),
    (Message(b"A.X", encode(trade(0, 1)).replace(b"Z", b"+01:00")), "trade.undecodable"),
    (Message(b"NO.X", encode(trade(0, 1, symbol="NO.X"))), "trade.unknown_symbol"),
    (Message(b"B.X", encode(trade(0, 1))), "trade.impossible"),
    (Message(b"A.X", encode(trade(0, 1, quantity="-1"))), "trade.impossible"),
    (Message(b"A.X", encode(trade(3 * 86_400, 1))), "trade.impossible"),
    (Message(b"A.X", encode(trade(-60 * 365.25 * 86_400, 1))), "trade.impossible"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
async def test_a_record_that_cannot_be_taken_is_a_dead_letter_and_the_batch_goes_on(
    bench: Bench, bad: Message, reason: str
) -> None:
    await bench.trades(trade(0, 1))
    await bench.log.append(TRADES, bad)
    await bench.trades(trade(1, 2))
    await bench.run()
    assert await bench.dead() == [(1, reason)]
    assert minute(bench).trades == 2
    counted = bench.metrics.counter(DEAD_LETTERS_TOTAL).labels(processor="bars", reason=reason)
    assert counted._value.get() == 1


async def test_a_trade_later_than_the_limit_is_a_dead_letter(bench: Bench) -> None:
    bench.restarted(lateness=60 * SECOND)
    await bench.trades(trade(0, 1), trade(70, 2), trade(10, 3), trade(9.5, 4))
    await bench.run()
    assert await bench.dead() == [(3, "trade.late")]
    assert (minute(bench).trades, minute(bench).revision) == (2, 1)


async def test_each_record_handed_twice_and_old_ones_again_have_no_second_effect(bench: Bench) -> None:
    await bench.trades(*(trade(second * 7, second) for second in range(40)))
    records = await bench.records(TRADES)
    await bench.processor.assign(0, None)
    for begin in range(0, 40, 3):
        await bench.processor.fold(0, [record for record in records[begin : begin + 3] for _ in (1, 2)])
        await bench.processor.fold(0, records[max(0, begin - 5) : begin + 3])
    await bench.processor.flush()
    assert sum(bar.trades for bar in bench.bars.kept.values() if bar.timeframe == "1m") == 40


@st.composite
def tapes(draw: st.DrawFn) -> list[Trade]:
    """Trades of two symbols within ten minutes, out of order, some of them corrected later."""
    tape: list[Trade] = []
    standing: list[tuple[str, float, int]] = []
    for seq in range(draw(st.integers(1, 30))):
        kind = draw(st.sampled_from(["trade"] * 6 + ["cancel", "replace", "lost"]))
        price, quantity = str(draw(st.integers(1, 99))), str(draw(st.integers(0, 9)))
        if kind != "trade" and standing:
            symbol, seconds, named = standing.pop(draw(st.integers(0, len(standing) - 1)))
            correction = Correction("replace" if kind == "replace" else "cancel", 10_000 if kind == "lost" else named)
            tape.append(trade(seconds, seq, price, quantity, symbol, correction=correction))
        else:
            symbol, seconds = draw(st.sampled_from(["A.X", "B.X"])), draw(st.integers(0, 2_400)) / 4
            tape.append(trade(seconds, seq, price, quantity, symbol))
        if kind in {"trade", "replace"}:
            standing.append((symbol, seconds, seq))
    return tape


def without_corrected(tape: Sequence[Trade]) -> list[Trade]:
    """What stands, by taking the named prints out of the whole tape."""
    seqs = {record.venue_seq for record in tape if record.correction is None}
    standing: dict[int, Trade] = {}
    for record in tape:
        if record.correction is None or (
            standing.pop(record.correction.venue_seq, None) is not None and record.correction.kind == "replace"
        ):
            standing[record.venue_seq] = record
    assert seqs
    return list(standing.values())


def cells(bars: Sequence[BarDocument]) -> set[tuple[Any, ...]]:
    return {
        (*bar.key, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.notional, bar.trades)
        for bar in bars
        if bar.trades
    }


def as_prints(tape: Sequence[Trade]) -> list[Print]:
    return [
        Print(
            parse_timestamp(one.ts),
            one.venue_seq,
            place,
            parse_decimal(one.price),
            parse_decimal(one.quantity),
            0,
            one.symbol,
        )
        for place, one in enumerate(tape)
    ]


_ON_FIXTURES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=120)


def fresh(make: Callable[[], Bench], body: Callable[[Bench], Awaitable[None]]) -> None:
    asyncio.run(body(make()))  # type: ignore[arg-type]


@pytest.fixture
def make_bench(bench: Bench) -> Callable[[], Bench]:
    """A new bench for each example."""

    def make() -> Bench:
        log = type(bench.log)(bench.log._topics, bench.clock)
        fuse = type(bench.log.fuse)()  # type: ignore[attr-defined]
        log.fuse = fuse  # type: ignore[attr-defined]
        return Bench(log, type(bench.bars)(fuse), bench.clock, bench.reference)

    return make


@_ON_FIXTURES
@given(tape=tapes(), batch=st.integers(1, 12))
def test_corrections_leave_what_a_fold_without_the_corrected_prints_makes(
    make_bench: Callable[[], Bench], tape: list[Trade], batch: int
) -> None:
    async def body(bench: Bench) -> None:
        await bench.trades(*tape)
        await bench.run(batch)
        assert cells(list(bench.bars.kept.values())) == cells(build_bars(as_prints(without_corrected(tape))))
        lost = sum(1 for one in tape if one.correction is not None and one.correction.venue_seq == 10_000)
        assert [reason for _, reason in await bench.dead()] == ["trade.correction"] * lost

    fresh(make_bench, body)


@_ON_FIXTURES
@given(
    tape=tapes(),
    batch=st.integers(1, 8),
    each=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    breaks=st.lists(st.integers(1, 12), max_size=3),
)
def test_broken_anywhere_and_started_again_ends_as_if_nothing_had_happened(
    make_bench: Callable[[], Bench], tape: list[Trade], batch: int, each: tuple[int, int], breaks: list[int]
) -> None:
    flush_each, commit_each = each

    async def body(bench: Bench) -> None:
        whole = make_bench()
        await whole.trades(*tape)
        await whole.run(batch, flush_each=flush_each)
        await bench.trades(*tape)
        fuse = bench.log.fuse  # type: ignore[attr-defined]
        for break_at in breaks:
            fuse.calls, fuse.break_at = 0, break_at
            bench.restarted()
            try:
                await bench.run(batch, flush_each=flush_each, commit_each=commit_each)
            except Exception as error:
                if type(error).__name__ != "Broken":
                    raise
        fuse.break_at = None
        bench.restarted()
        await bench.run(batch, flush_each=flush_each)
        assert bench.bars.kept == whole.bars.kept
        assert await _last_published(bench) == {key: wire_bar(bar) for key, bar in whole.bars.kept.items()}

    fresh(make_bench, body)


@_ON_FIXTURES
@given(tape=tapes(), chunk=st.integers(1, 8), breaks=st.lists(st.integers(1, 6), max_size=12))
def test_with_the_clock_going_on_what_was_told_last_is_what_is_kept(
    make_bench: Callable[[], Bench], tape: list[Trade], chunk: int, breaks: list[int]
) -> None:
    async def body(bench: Bench) -> None:
        fuse = bench.log.fuse  # type: ignore[attr-defined]
        for number, begin in enumerate(range(0, len(tape), chunk)):
            await bench.trades(*tape[begin : begin + chunk])
            fuse.calls, fuse.break_at = 0, breaks[number] if number < len(breaks) else None
            bench.restarted()
            try:
                await bench.run()
                bench.clock.advance(45)
                await bench.processor.tick(bench.clock.now())
                if number % 2:
                    await bench.processor.flush()
            except Exception as error:
                if type(error).__name__ != "Broken":
                    raise
        fuse.break_at = None
        bench.restarted()
        await bench.run()
        assert await _last_published(bench) == {key: wire_bar(bar) for key, bar in bench.bars.kept.items()}
        assert cells(list(bench.bars.kept.values())) == cells(build_bars(as_prints(without_corrected(tape))))

    fresh(make_bench, body)


async def _last_published(bench: Bench) -> dict[BarKey, Bar]:
    starts = {format_timestamp(key.start): key.start for key in bench.bars.kept}
    return {BarKey(bar.symbol, bar.timeframe, starts[bar.t]): bar for bar in await bench.published()}


async def test_a_bar_that_a_correction_empties_is_kept_told_and_may_come_back(bench: Bench) -> None:
    await bench.trades(trade(0, 1), trade(0, 2, correction=Correction("cancel", 1)))
    await bench.run()
    assert minute(bench).trades == 0
    assert (await bench.published())[0].trades == 0
    await bench.trades(trade(5, 3, "12"))
    bench.restarted()
    await bench.run()
    assert (minute(bench).open, minute(bench).trades, minute(bench).first_offset) == ("12", 1, 0)


async def test_a_correction_of_what_the_log_has_dropped_is_a_dead_letter(bench: Bench) -> None:
    class Shortened(type(bench.log)):  # type: ignore[misc]
        async def bounds(self, topic: str) -> Any:
            return {number: bound._replace(first=1) for number, bound in (await super().bounds(topic)).items()}

    await bench.trades(trade(0, 1), trade(1, 2))
    await bench.run()
    bench.log.__class__ = Shortened
    await bench.trades(trade(0, 3, correction=Correction("cancel", 1)))
    bench.restarted()
    await bench.run()
    assert await bench.dead() == [(2, "trade.correction")]
    assert minute(bench).trades == 2


async def test_by_the_clock_a_bar_is_final_only_when_all_that_the_log_held_is_folded(bench: Bench) -> None:
    await bench.trades(trade(0, 1), trade(50, 2))
    records = await bench.records(TRADES)
    await bench.processor.assign(0, None)
    await bench.processor.fold(0, records[:1])
    bench.clock.advance(65)
    await bench.processor.tick(bench.clock.now())
    await bench.processor.flush()
    assert not minute(bench).final
    await bench.processor.fold(0, records[1:])
    await bench.processor.tick(bench.clock.now())
    await bench.processor.flush()
    assert (minute(bench).final, minute(bench).revision, minute(bench).trades) == (True, 0, 2)


async def test_what_the_clock_made_final_and_a_crash_left_untold_is_told_at_the_restart(
    bench: Bench, fuse: Any, broken: type[Exception]
) -> None:
    await bench.trades(trade(0, 1))
    await bench.run()
    bench.clock.advance(65)
    await bench.processor.tick(bench.clock.now())
    fuse.calls, fuse.break_at = 0, 2
    with pytest.raises(broken):
        await bench.processor.flush()
    assert minute(bench).final
    fuse.break_at = None
    await bench.restarted().assign(0, bench.committed)
    assert [bar.final for bar in await bench.published() if bar.timeframe == "1m"][-1]


async def test_an_open_bar_is_final_by_the_clock_after_a_restart_too(bench: Bench) -> None:
    await bench.trades(trade(0, 1))
    await bench.run()
    bench.clock.advance(3600)
    await bench.restarted().assign(0, bench.committed)
    await bench.processor.tick(bench.clock.now())
    await bench.processor.flush()
    assert minute(bench).final


async def test_a_revoked_partition_writes_nothing_more(bench: Bench) -> None:
    await bench.trades(trade(0, 1))
    await bench.processor.assign(0, None)
    await bench.processor.fold(0, await bench.records(TRADES))
    await bench.processor.revoke(0)
    await bench.processor.flush()
    await bench.processor.tick(bench.clock.now() + DAY)
    assert bench.bars.kept == {}
