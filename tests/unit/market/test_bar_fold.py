"""The pure fold of bars against the plainest model there is: sort everything, then group."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.models.bars import BarDocument, BarKey
from storage.models.market_data import TIMEFRAMES
from streams.market.bars.bar import WorkingBar, document_of
from streams.market.bars.build import build_bars
from streams.market.bars.decimals import canonical, parse_decimal
from streams.market.bars.fold import BarFold
from streams.market.bars.intervals import DAY, FLOORED, MINUTE, SECOND, utc_day
from streams.market.bars.prints import Print, aggregate

BASE = 1_700_000_040 * SECOND  # 22:14 UTC, so that hours and days end nearby


def a_print(ts: int, offset: int = 0, price: str = "10", quantity: str = "1", *, symbol: str = "A.X") -> Print:
    return Print(ts, offset, offset, Decimal(price), Decimal(quantity), ts, symbol)


def at(*offsets_and_seconds: tuple[int, float]) -> list[Print]:
    return [a_print(BASE + round(seconds * SECOND), offset) for offset, seconds in offsets_and_seconds]


prints_strategy = st.lists(
    st.tuples(
        st.integers(0, 3 * 3600 * 4).map(lambda quarter: BASE + quarter * SECOND // 4),
        st.integers(0, 5),
        st.integers(-50, 50_000).map(lambda number: Decimal(number) / 1000),
        st.integers(0, 5_000).map(lambda number: Decimal(number) / 100),
        st.sampled_from(["A.X", "B.X"]),
    ),
    max_size=60,
).map(
    lambda rows: [
        Print(ts, seq, place, price, size, ts, symbol) for place, (ts, seq, price, size, symbol) in enumerate(rows)
    ]
)


def model(prints: list[Print]) -> dict[BarKey, tuple[str, ...]]:
    """Cells by key, by sorting and grouping alone."""
    groups: dict[BarKey, list[Print]] = {}
    for trade in prints:
        for timeframe in TIMEFRAMES:
            size = FLOORED.get(timeframe, DAY)
            groups.setdefault(BarKey(trade.symbol, timeframe, trade.ts // size * size), []).append(trade)
    return {key: _cells_of(sorted(group, key=lambda t: (t.ts, t.venue_seq, t.offset))) for key, group in groups.items()}


def _cells_of(group: list[Print]) -> tuple[str, ...]:
    prices = [trade.price for trade in group]
    volume = sum((trade.quantity for trade in group), Decimal())
    notional = sum((trade.price * trade.quantity for trade in group), Decimal())
    values = (prices[0], max(prices), min(prices), prices[-1], volume, notional)
    return (*(canonical(value) for value in values), str(len(group)))


def cells(bar: BarDocument) -> tuple[str, ...]:
    return (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.notional, str(bar.trades))


class Store:
    """Bars kept as a repository would; folds in batches, loading what is missing."""

    def __init__(self, lateness: int | None = None) -> None:
        self.kept: dict[BarKey, BarDocument] = {}
        self.lateness = lateness
        self.fold = BarFold(0, utc_day, lateness)
        self.loads = 0

    def take(self, prints: list[Print]) -> None:
        place = self.fold.apply(prints)
        while place < len(prints):
            self.loads += 1
            asked = self.fold.missing(prints[place:])
            assert asked
            self.fold.install([self.kept[key] for key in asked if key in self.kept], asked)
            further = self.fold.apply(prints, place)
            assert further > place
            place = further

    def flush(self, upto: int | None = None) -> None:
        changed = self.fold.take_changed()
        for document in changed[:upto]:
            self.kept[document.key] = document

    def restart(self) -> None:
        newest: dict[tuple[str, str], BarDocument] = {}
        for document in sorted(self.kept.values(), key=lambda bar: bar.start):
            newest[document.symbol, document.timeframe] = document
        self.fold = BarFold(0, utc_day, self.lateness)
        self.fold.restore(newest.values(), max((bar.upto for bar in self.kept.values()), default=-1))


def folded(prints: list[Print], cuts: list[int], lateness: int | None = None) -> dict[BarKey, BarDocument]:
    store, begin = Store(lateness), 0
    for end in [*sorted(cut % (len(prints) + 1) for cut in cuts), len(prints)]:
        if end > begin:
            store.take(prints[begin:end])
            store.flush()
            begin = end
    return store.kept


@given(prints_strategy, st.lists(st.integers(0, 60), max_size=5))
def test_any_order_and_any_cut_equal_the_plain_model(prints: list[Print], cuts: list[int]) -> None:
    bars = folded(prints, cuts)
    assert {key: cells(bar) for key, bar in bars.items()} == model(prints)


@given(prints_strategy, st.lists(st.integers(0, 60), max_size=5))
def test_how_a_stream_is_cut_changes_nothing_at_all(prints: list[Print], cuts: list[int]) -> None:
    assert folded(prints, cuts) == folded(prints, [])


@given(prints_strategy, st.lists(st.integers(0, 60), max_size=5), st.integers(0, 3_600))
def test_what_is_too_late_is_told_print_by_print(prints: list[Print], cuts: list[int], seconds: int) -> None:
    lateness, latest, in_time = seconds * SECOND, dict[str, int](), []
    for trade in prints:
        newest = latest[trade.symbol] = max(trade.ts, latest.get(trade.symbol, trade.ts))
        if newest - trade.ts <= lateness:
            in_time.append(trade)
    bars = folded(prints, cuts, lateness)
    assert {key: cells(bar) for key, bar in bars.items()} == model(in_time)
    assert bars == folded(prints, [], lateness)


@given(prints_strategy, st.lists(st.integers(0, 60), max_size=4), st.integers(0, 40), st.integers(0, 60))
@settings(max_examples=200)
def test_a_flush_that_broke_half_way_is_made_whole_by_folding_again(
    prints: list[Print], cuts: list[int], written: int, back: int
) -> None:
    store, begin, committed = Store(), 0, 0
    ends = [*sorted(cut % (len(prints) + 1) for cut in cuts), len(prints)]
    for number, end in enumerate(ends):
        committed = max(0, begin - back)  # several flushes may stand before a commit
        store.take(prints[begin:end])
        store.flush(written if number == len(ends) - 1 else None)
        begin = end
    store.restart()
    store.take(prints[committed:])
    store.flush()
    assert store.kept == folded(prints, [])


@given(prints_strategy.filter(bool), st.integers(0, 60))
def test_merging_parts_equals_the_whole(prints: list[Print], cut: int) -> None:
    bounds = (BASE, BASE, BASE + DAY)
    whole, parts = WorkingBar("A.X", "1d", bounds, 0), WorkingBar("A.X", "1d", bounds, 0)
    whole.merge(aggregate(prints))
    for part in (prints[: cut % len(prints)], prints[cut % len(prints) :]):
        if part:
            parts.merge(aggregate(part))
    assert document_of(whole) == document_of(parts)


def test_a_bar_is_final_when_a_later_trade_of_the_symbol_comes_and_only_the_symbols_own() -> None:
    store = Store()
    store.take([*at((0, 0), (1, 61)), a_print(BASE + 10 * SECOND, 2, symbol="B.X")])
    store.flush()
    minute = BASE - BASE % MINUTE
    assert store.kept[BarKey("A.X", "1m", minute)].final
    assert not store.kept[BarKey("A.X", "1m", minute + MINUTE)].final
    assert not store.kept[BarKey("B.X", "1m", minute)].final


def test_each_late_trade_after_the_first_final_is_a_revision() -> None:
    store = Store()
    store.take(at((0, 0), (1, 61), (2, 1), (3, 2)))
    store.flush()
    corrected = store.kept[BarKey("A.X", "1m", BASE - BASE % MINUTE)]
    assert (corrected.final, corrected.revision, corrected.trades) == (True, 2, 3)


def test_a_bar_that_only_late_trades_make_is_final_at_once_and_unrevised() -> None:
    store = Store()
    store.take(at((0, 0), (1, 300), (2, 130)))
    store.flush()
    made_late = store.kept[BarKey("A.X", "1m", BASE - BASE % MINUTE + 2 * MINUTE)]
    assert (made_late.final, made_late.revision, made_late.trades) == (True, 0, 1)


def test_a_bar_is_final_two_seconds_after_its_end_by_the_symbols_own_clock() -> None:
    fold = BarFold(0, utc_day, None)
    taken_in = BASE + 10 * 365 * DAY  # a recording, ten years later
    fold.apply([Print(BASE + 50 * SECOND, 1, 0, Decimal(1), Decimal(1), taken_in, "A.X")])
    fold.take_changed()
    to_the_end = MINUTE - (BASE + 50 * SECOND) % MINUTE
    assert not fold.has_due(taken_in + to_the_end + 2 * SECOND - 1)
    fold.finish_due(taken_in + to_the_end + 2 * SECOND)
    changed = fold.take_changed()
    assert [bar.timeframe for bar in changed if bar.final] == ["1m", "5m", "15m"]  # 22:14:50 is in all three
    assert not fold.has_due(taken_in + to_the_end + 2 * SECOND)


def test_a_print_in_time_after_the_clock_made_its_bar_final_is_a_revision() -> None:
    fold = BarFold(0, utc_day, None)
    fold.apply(at((0, 10)))
    fold.finish_due(BASE + DAY)
    fold.take_changed()
    fold.apply(at((1, 11), (2, 12)))
    minute = next(bar for bar in fold.take_changed() if bar.timeframe == "1m")
    assert (minute.final, minute.revision, minute.trades) == (True, 2, 3)


def test_a_print_later_than_the_limit_changes_nothing_and_is_told() -> None:
    store = Store(lateness=3600 * SECOND)
    store.take(at((0, 0), (1, 3600.5), (2, 0.5), (3, 0.4)))
    store.flush()
    refused = store.fold.take_too_late()
    assert [(late.trade.offset, late.lateness) for late in refused] == [(3, 3600.1 * SECOND)]
    assert store.kept[BarKey("A.X", "1m", BASE - BASE % MINUTE)].trades == 2
    assert store.fold.take_too_late() == []


def test_bars_that_left_the_memory_are_loaded_again_in_one_go() -> None:
    store = Store()
    store.fold = BarFold(0, utc_day, None, older_bars_kept=0)
    store.take([a_print(BASE + minute * MINUTE, minute) for minute in range(30)])
    store.flush()
    store.take([a_print(BASE + minute * MINUTE, 30 + minute) for minute in range(20)])
    store.flush()
    assert store.loads == 1
    assert store.kept[BarKey("A.X", "1m", BASE - BASE % MINUTE)].trades == 2


def test_the_day_is_the_venues_own() -> None:
    def night(_symbol: str, moment: int) -> tuple[int, int, int]:
        begin = (moment - 22 * 60 * MINUTE) // DAY * DAY + 22 * 60 * MINUTE
        return begin + 2 * 60 * MINUTE, begin, begin + DAY

    evening = 1_700_000_000 // 86_400 * 86_400 * SECOND + 22 * 60 * MINUTE
    prints = [a_print(evening - 1, 0), a_print(evening, 1), a_print(evening + DAY - 1, 2), a_print(evening + 5, 3)]
    bars = build_bars(prints, ("1d",), night)
    assert [(bar.start, bar.trades) for bar in bars] == [
        (evening + 2 * 60 * MINUTE - DAY, 1),
        (evening + 2 * 60 * MINUTE, 3),
    ]


def test_bars_of_a_finite_tape_come_in_order_and_none_for_silence() -> None:
    bars = build_bars(at((0, 200), (1, 0), (2, 61)), ("1m", "1h"))
    assert [(bar.timeframe, (bar.start - BASE) // MINUTE, bar.trades) for bar in bars] == [
        ("1m", 0, 1),
        ("1m", 1, 1),
        ("1m", 3, 1),
        ("1h", (BASE // (60 * MINUTE) * 60 * MINUTE - BASE) // MINUTE, 3),
    ]


@pytest.mark.parametrize("text", ["1e5", "NaN", "Infinity", "", ".5", "5.", "+1", " 1", "1_0", "١", "1" * 49])
def test_what_is_no_decimal_of_the_contract_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a decimal"):
        parse_decimal(text)


def test_sums_are_exact_far_beyond_what_floats_and_default_decimals_hold() -> None:
    prices = ["123456789012345678901234567890.000000000001", "0.000000000000000000000000000001"]
    bars = build_bars(
        [a_print(BASE, place, price, "99999999999.999999999999") for place, price in enumerate(prices)], ("1m",)
    )
    exact = sum((Fraction(price) for price in prices), Fraction()) * Fraction("99999999999.999999999999")
    assert Fraction(bars[0].notional) == exact
