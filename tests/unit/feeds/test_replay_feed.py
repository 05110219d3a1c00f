"""The replay feed: what it publishes, when, and how it goes on, on a clock that is moved by hand."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.models.calendars import Calendar, Segment
from storage.models.instruments import Instrument
from storage.models.market_data import Quote, Trade
from storage.reference import ReferenceData
from streams.feeds.port import FeedRecord
from streams.feeds.replay.columns import QuoteColumns, TradeColumns
from streams.feeds.replay.feed import ReplayFeed
from streams.feeds.replay.formats import FORMATS, of_columns
from streams.feeds.replay.one_pass import BATCH
from streams.feeds.replay.plan import PlannedFile, ReplayPlan, feed_of
from streams.feeds.replay.problems import MalformedFile, NothingToReplay
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.sources import LINES_OF_A_FILE, ReplaySource

SECOND = 10**9
NOW = parse_timestamp("2026-01-05T12:00:00Z")
OPEN = parse_timestamp("2018-01-02T14:30:00Z")
TRADES = of_columns("trades", TradeColumns(ts="t", ts_unit="ns", price="p", quantity="q"))
QUOTES = of_columns("quotes", QuoteColumns(ts="t", ts_unit="ns", bid="b", bid_size="bs", ask="a", ask_size="as"))
WEEKDAYS = {day: (Segment(state="open", start_minute=9 * 60 + 30, end_minute=16 * 60),) for day in range(5)}
CALENDAR = Calendar(name="US", timezone="America/New_York", weekly=WEEKDAYS)


def instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol, venue="XNYS", asset_class="equity", calendar="US", currency="USD", price_precision=2,
        qty_precision=0, tick_size="0.01", lot_size="1", min_quantity="1", max_quantity="1000", min_notional="0",
        initial_margin_rate="1", maintenance_margin_rate="1", reference_price="10",
    )  # fmt: skip


REFERENCE = ReferenceData.of([instrument("X.US"), instrument("Y.US")], [CALENDAR])


class Sink:
    """A `Publish` that keeps batches with the time at which they came."""

    def __init__(self, clock: ManualClock) -> None:
        self.batches: list[tuple[int, list[FeedRecord]]] = []
        self._clock = clock

    async def __call__(self, records: Sequence[FeedRecord]) -> None:
        self.batches.append((self._clock.now(), list(records)))

    @property
    def records(self) -> list[FeedRecord]:
        return [record for _, batch in self.batches for record in batch]

    @property
    def payloads(self) -> list[Quote | Trade]:
        return [record.payload for record in self.records]


class Stage:
    """A feed over written files, its clock and what it published."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.sink = Sink(self.clock)
        self.sources: list[ReplaySource] = []
        self._folder = folder

    def trades(self, *rows: tuple[int, str, str], symbol: str = "X.US") -> "Stage":
        return self._add("t,p,q", rows, TRADES, symbol)

    def quotes(self, *rows: tuple[int, str, str, str, str], symbol: str = "X.US") -> "Stage":
        return self._add("t,b,bs,a,as", rows, QUOTES, symbol)

    def feed(self, **options) -> ReplayFeed:
        return ReplayFeed(self.sources, REFERENCE, self.clock, sleep=self.sleep, **options)

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def _add(self, header: str, rows: Sequence[tuple], file_format, symbol: str) -> "Stage":
        path = self._folder / f"file{len(self.sources)}.csv"
        path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
        file = RecordedFile(path, file_format)
        self.sources.append(ReplaySource(file, {file.reading().symbol: symbol}))
        return self


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_trades_and_quotes_are_merged_and_say_what_was_known(stage: Stage) -> None:
    stage.trades((OPEN + 2, "10.00", "5"), (OPEN + 4, "10.5", "1"))
    stage.quotes((OPEN + 1, "9", "1", "11", "2"), (OPEN + 3, "9.5", "1", "0", "0"))
    await stage.feed().run(stage.sink)
    taken_in = format_timestamp(NOW)
    assert stage.sink.payloads == [
        Quote("X.US", "XNYS", "10", "9", "11", "1", "2", "open", format_timestamp(OPEN + 1), taken_in, "0"),
        Trade("X.US", "XNYS", "2", 2, "10", "5", None, format_timestamp(OPEN + 2), taken_in),
        Quote("X.US", "XNYS", "10", "9.5", "0", "1", "0", "open", format_timestamp(OPEN + 3), taken_in, "0"),
        Trade("X.US", "XNYS", "3", 3, "10.5", "1", None, format_timestamp(OPEN + 4), taken_in),
    ]
    assert [record.line for record in stage.sink.records] == [1, 2, 3, 4]


async def test_without_trades_last_is_the_mid_and_of_one_side_that_side(stage: Stage) -> None:
    stage.quotes((1, "9", "1", "10", "1"), (2, "9", "1", "0", "0"), (3, "0", "0", "10", "1"), (4, "0", "0", "0", "0"))
    await stage.feed().run(stage.sink)
    assert [quote.last for quote in stage.sink.payloads if isinstance(quote, Quote)] == ["9.5", "9", "10", "0"]


async def test_a_trade_moves_the_quote_of_a_symbol_that_has_no_quotes(stage: Stage) -> None:
    stage.trades((OPEN, "10", "5"), symbol="Y.US").quotes((OPEN, "9", "1", "11", "2")).trades((OPEN + 1, "12", "1"))
    await stage.feed().run(stage.sink)
    quotes = [(quote.symbol, quote.last, quote.bid) for quote in stage.sink.payloads if isinstance(quote, Quote)]
    assert quotes == [("Y.US", "10", "0"), ("X.US", "10", "9")]


async def test_the_session_is_the_calendars_at_the_event_time(stage: Stage) -> None:
    stage.trades((OPEN - 1, "10", "1"), (OPEN, "10", "1"))
    await stage.feed().run(stage.sink)
    states = [quote.session_state for quote in stage.sink.payloads if isinstance(quote, Quote)]
    assert states == ["closed", "open"]


async def test_regular_hours_only(stage: Stage) -> None:
    close = OPEN + 23_400 * SECOND
    stage.trades((OPEN - 1, "1", "1"), (OPEN, "2", "1"), (close - 1, "3", "1"), (close, "4", "1"))
    feed = stage.feed(session="rth")
    await feed.run(stage.sink)
    assert [trade.price for trade in stage.sink.payloads if isinstance(trade, Trade)] == ["2", "3"]
    assert feed.progress.left_out() == {"outside_session": 2}


async def test_local_time_is_published_in_utc(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "local.csv"
    path.write_text("local_us,symbol,price,size\n1410946200531657,ETF,23.82,3\n1410946200531658,AAA,1,3\n")
    stage.sources.append(ReplaySource(RecordedFile(path, FORMATS["taq-multi"]), {"ETF": "X.US"}))
    feed = stage.feed()
    await feed.run(stage.sink)
    assert stage.sink.payloads[0].ts == "2014-09-17T13:30:00.531657Z"
    assert feed.progress.left_out() == {"unmapped": 1}


async def test_lines_of_two_files_of_a_symbol_are_two_trades(stage: Stage) -> None:
    stage.trades((1, "10", "5")).trades((1, "10", "5"), symbol="Y.US").trades((1, "11", "5")).trades((1, "12", "5"))
    await stage.feed().run(stage.sink)
    found = [(trade.symbol, trade.venue_seq) for trade in stage.sink.payloads if isinstance(trade, Trade)]
    assert found == [
        ("X.US", 2), ("Y.US", 2), ("X.US", LINES_OF_A_FILE + 2), ("X.US", 2 * LINES_OF_A_FILE + 2),
    ]  # fmt: skip


async def test_at_full_speed_records_leave_in_batches(stage: Stage) -> None:
    stage.quotes(*[(n, "9", "1", "11", "2") for n in range(BATCH * 2 + 1)])
    feed = stage.feed()
    await feed.run(stage.sink)
    assert [len(batch) for _, batch in stage.sink.batches] == [BATCH, BATCH, 1]
    assert {moment for moment, _ in stage.sink.batches} == {NOW}
    assert (feed.progress.trades, feed.progress.quotes, feed.progress.at) == (0, BATCH * 2 + 1, BATCH * 2)


@pytest.mark.parametrize(("speed", "shares"), [(1, 1), (60, 60), (Decimal("0.5"), Decimal("0.5"))])
async def test_at_a_factor_records_leave_when_they_are_due(stage: Stage, speed, shares) -> None:
    stage.quotes(*[(n * 60 * SECOND, "9", "1", "11", "2") for n in range(5)])
    await stage.feed(speed=Decimal(speed)).run(stage.sink)
    due = [NOW + round(n * 60 * SECOND / shares) for n in range(5)]
    assert [moment for moment, _ in stage.sink.batches] == pytest.approx(due, abs=2_000_000)
    assert [record.payload.ts for record in stage.sink.records] == [format_timestamp(n * 60 * SECOND) for n in range(5)]
    assert [parse_timestamp(quote.ts_in) for quote in stage.sink.payloads] == [
        moment for moment, _ in stage.sink.batches
    ]


async def test_each_pass_is_shifted_to_now_and_counts_anew(stage: Stage) -> None:
    stage.trades((OPEN, "10", "1"), (OPEN + 2 * SECOND, "11", "1")).quotes((OPEN, "9", "1", "11", "2"))
    feed = stage.feed(speed=Decimal(1), shifted=True)
    for _ in range(3):
        await feed.run(stage.sink)
    trades = [trade for trade in stage.sink.payloads if isinstance(trade, Trade)]
    assert [trade.venue_seq for trade in trades] == [2, 3] * 3
    times = [parse_timestamp(trade.ts) - NOW for trade in trades]
    assert times == pytest.approx([n * SECOND for n in (0, 2, 2, 4, 4, 6)], abs=6_000_000)
    assert [record.line for record in stage.sink.records] == [1, 2, 3, 4] * 3


async def test_a_feed_goes_on_after_its_position(stage: Stage) -> None:
    stage.trades((1, "10", "1"), (5, "11", "1"), (9, "12", "1")).quotes(
        (2, "9", "1", "11", "2"), (6, "8", "1", "11", "2")
    )
    await stage.feed().run(stage.sink)
    whole = stage.sink.records
    for position in range(len(whole)):
        again = Sink(stage.clock)
        feed = stage.feed()
        feed.go_on_after(position)
        await feed.run(again)
        assert again.records == whole[position:]


async def test_what_came_before_a_fault_is_published(stage: Stage) -> None:
    stage.trades((1, "10", "1"), (2, "11", "1"), (3, "bad", "1")).quotes(
        (1, "9", "1", "11", "2"), (9, "8", "1", "11", "2")
    )
    with pytest.raises(MalformedFile, match=r"file0.csv, line 4, column p: 'bad' is not a number"):
        await stage.feed().run(stage.sink)
    assert [trade.price for trade in stage.sink.payloads if isinstance(trade, Trade)] == ["10", "11"]
    assert [quote.bid for quote in stage.sink.payloads if isinstance(quote, Quote)] == ["0", "9"]


async def test_nothing_to_publish_is_said(stage: Stage) -> None:
    stage.trades((OPEN - 1, "10", "1"))
    with pytest.raises(NothingToReplay, match=r"replay:file0.csv has nothing to publish \(outside session: 1\)"):
        await stage.feed(session="rth").run(stage.sink)


async def test_levels_stay_on_the_quote_and_the_header_goes_with_the_change(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "raw.jsonl"
    messages = [
        {"data": {"e": "depthUpdate", "E": 1, "s": "S", "U": 1, "u": 5, "b": [], "a": []}},
        {"lastUpdateId": 5, "bids": [["9", "1"]], "asks": [["10", "1"]]},
        {"data": {"u": 6, "s": "S", "b": "9.5", "B": "1", "a": "10", "A": "1"}},
    ]
    path.write_text("".join(f"1 {json.dumps(message)}\n" for message in messages))
    stage.sources.append(ReplaySource(RecordedFile(path, FORMATS["binance-raw"]), {"S": "X.US"}))
    await stage.feed().run(stage.sink)
    first, second = stage.sink.records
    assert first.depth == b'{"bids":[["9","1"]],"asks":[["10","1"]]}'
    assert second.depth is None
    assert isinstance(second.payload, Quote)
    assert (second.payload.bid, second.payload.bids, second.payload.asks) == ("9.5", (("9", "1"),), (("10", "1"),))


async def test_a_plan_survives_json_and_makes_the_feed(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("time,px\n2018-01-02T14:30:00.5Z,10\n")
    plan = ReplayPlan(
        files=(PlannedFile(path=path, columns="ts=time,price=px,ts_unit=rfc3339"),), symbols=("Y.US",), session="rth"
    )
    feed = feed_of(ReplayPlan.model_validate_json(plan.model_dump_json()), REFERENCE, stage.clock)
    assert (feed.name, feed.symbols) == ("replay:own.csv", ("Y.US",))
    await feed.run(stage.sink)
    assert [type(payload) for payload in stage.sink.payloads] == [Trade, Quote]
    for wrong, reason in (({"format": "csv"}, "format 'csv' is not one of binance"), ({}, "name the format")):
        with pytest.raises(ValueError, match=reason):
            feed_of(ReplayPlan(files=(PlannedFile(path=path, **wrong),)), REFERENCE, stage.clock)
