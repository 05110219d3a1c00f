"""The small rules of a replay: merging, wall time, the 24 h change, pace, and which symbol is published as which."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.replay.columns import TradeColumns
from streams.feeds.replay.formats import FORMATS, NEW_YORK, of_columns
from streams.feeds.replay.merge import merge_by_time
from streams.feeds.replay.pace import Pace, parse_speed
from streams.feeds.replay.problems import MalformedFile, UnknownSymbol
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.recorder_clock import recorder_skew
from streams.feeds.replay.rolling_change import RollingChange
from streams.feeds.replay.rows import QuoteRow
from streams.feeds.replay.symbols import Naming, name_symbols, parse_naming
from streams.feeds.replay.wall_time import in_regular_hours, utc_of, wall_of

MINUTE = 60 * 10**9
HOUR = 60 * MINUTE


def row(ts: int, line: int) -> QuoteRow:
    return QuoteRow(ts, "S", "1", "1", "2", "1", line)


@given(st.lists(st.lists(st.integers(0, 20), max_size=15), min_size=1, max_size=4))
def test_merging_is_by_time_and_stable_and_keeps_each_sources_order(times: Sequence[Sequence[int]]) -> None:
    merged = list(merge_by_time([[row(ts, line) for line, ts in enumerate(source)] for source in times]))
    assert [placed.due for placed in merged] == sorted(placed.due for placed in merged)
    for index, source in enumerate(times):
        own = [placed for placed in merged if placed.source == index]
        assert [placed.row.ts for placed in own] == list(source)
        assert [placed.due for placed in own] == [max(source[: place + 1]) for place in range(len(source))]
    for before, after in pairwise(merged):
        assert before.due < after.due or before.source <= after.source


@given(st.integers(0, 2_145_000_000), st.integers(0, 999_999_999))
def test_wall_time_is_what_the_zone_says(seconds: int, nanoseconds: int) -> None:
    utc = seconds * 10**9 + nanoseconds
    local = datetime.fromtimestamp(seconds, ZoneInfo(NEW_YORK))
    wall = int(local.replace(tzinfo=UTC).timestamp()) * 10**9 + nanoseconds
    assert wall_of(utc, NEW_YORK) == wall
    assert utc_of(wall, NEW_YORK) in (utc, utc - HOUR)
    assert in_regular_hours(wall) == ((9, 30) <= (local.hour, local.minute) < (16, 0))


@given(st.lists(st.tuples(st.integers(0, 300 * MINUTE), st.integers(1, 10**6)), min_size=1, max_size=60))
def test_the_change_is_from_the_first_price_of_the_window(steps: Sequence[tuple[int, int]]) -> None:
    change, seen, now = RollingChange(), [], 0
    for step, price in steps:
        now += step
        seen.append((now // MINUTE, price))
        first = next(old for minute, old in seen if minute > now // MINUTE - 24 * 60)
        text = change.take(now, str(price))
        assert text is not None
        assert Decimal(text) == ((Decimal(price) - first) * 100 / first).quantize(Decimal("0.0001"))


def test_the_change_from_nothing_is_unknown() -> None:
    change = RollingChange()
    assert [change.take(0, "0"), change.take(1, "5"), change.take(1, "0")] == [None, None, None]
    assert change.take(25 * HOUR, "-4") == "0"
    assert change.take(25 * HOUR, "-5") == "-25"


@pytest.mark.parametrize(("text", "speed"), [("max", "max"), ("1", Decimal(1)), ("0.5", Decimal("0.5"))])
def test_speeds(text: str, speed: object) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf", "1e9", ""])
def test_what_is_no_speed(text: str) -> None:
    with pytest.raises(ValueError, match="neither max nor a factor"):
        parse_speed(text)


def test_at_a_factor_time_passes_faster() -> None:
    pace = Pace(Decimal(60), shifted=False, first=1_000, began=50)
    assert [pace.due_in(1_000 + 60 * MINUTE, passed) for passed in (0, MINUTE, 2 * MINUTE)] == [MINUTE, 0, -MINUTE]
    assert pace.published_at(1_234, 99) == 1_234


def test_shifted_time_runs_as_fast_as_the_pass() -> None:
    assert Pace(Decimal(60), shifted=True, first=1_000, began=50).published_at(1_000 + HOUR, 7) == 50 + MINUTE
    assert Pace(Decimal(1), shifted=True, first=1_000, began=50).published_at(1_003, 7) == 53
    assert Pace("max", shifted=True, first=1_000, began=50).published_at(1_003, 77) == 77


OWN = of_columns("own", TradeColumns(ts="t", price="p", symbol="s"))
KNOWN = ("BTCUSDT.BINANCE", "BTCUSDT-PERP.BINANCE", "ETH.X", "ETH.Y", "EURUSD.OANDA")


def own(folder: Path, name: str, *symbols: str) -> RecordedFile:
    path = folder / name
    path.write_text("t,s,p\n" + "".join(f"1,{symbol},2\n" for symbol in symbols))
    return RecordedFile(path, OWN)


def test_a_source_is_named_in_every_file_or_in_their_order(tmp_path: Path) -> None:
    files = [own(tmp_path, "a", "BTCUSDT", "OTHER"), own(tmp_path, "b", "BTCUSDT")]
    assert name_symbols(files, [parse_naming("BTCUSDT=BTCUSDT.BINANCE")], KNOWN) == [{"BTCUSDT": "BTCUSDT.BINANCE"}] * 2
    both = [parse_naming("BTCUSDT=BTCUSDT.BINANCE"), parse_naming("BTCUSDT=BTCUSDT-PERP.BINANCE")]
    assert name_symbols(files, both, KNOWN) == [{"BTCUSDT": "BTCUSDT.BINANCE"}, {"BTCUSDT": "BTCUSDT-PERP.BINANCE"}]
    with pytest.raises(UnknownSymbol, match="BTCUSDT is named 2 times, but 1 of the files hold it"):
        name_symbols(files[:1], both, KNOWN)


def test_what_is_obvious_need_not_be_named(tmp_path: Path) -> None:
    assert name_symbols([own(tmp_path, "a", "BTCUSDT")], [], KNOWN) == [{"BTCUSDT": "BTCUSDT.BINANCE"}]
    single = own(tmp_path, "b", "XYZ")
    assert name_symbols([single], [parse_naming("EURUSD.OANDA")], KNOWN) == [{"XYZ": "EURUSD.OANDA"}]
    nameless = RecordedFile(tmp_path / "oanda_eurusd_20140506.csv", FORMATS["oanda-quotes"])
    assert name_symbols([nameless], [], KNOWN) == [{"EURUSD": "EURUSD.OANDA"}]


@pytest.mark.parametrize(
    ("symbols", "naming", "reason"),
    [
        (["A", "B"], "C=ETH.X", "no file holds C: f holds A, B"),
        (["A"], "A=ETH.Z", r"ETH.Z is not a symbol of the platform; did you mean ETH.X, ETH.Y\?"),
        (["A"], "A=ZZZ.Z", "it knows 5"),
        (
            ["A", "B"],
            None,
            "f holds A, B: A is not the code of a symbol of the platform; name it with --symbol A=SYMBOL",
        ),
        (["ETH"], None, "ETH may be ETH.X or ETH.Y; name it"),
    ],
)
def test_what_has_no_name_is_an_error_that_lists_what_there_is(
    tmp_path: Path, symbols: Sequence[str], naming: str | None, reason: str
) -> None:
    with pytest.raises(UnknownSymbol, match=reason):
        name_symbols([own(tmp_path, "f", *symbols)], [parse_naming(naming)] if naming else [], KNOWN)


def test_namings() -> None:
    assert parse_naming("A=B.C") == Naming("A", "B.C")
    assert parse_naming("B.C") == Naming(None, "B.C")
    for wrong in ("A=", "=B", ""):
        with pytest.raises(ValueError, match="not SOURCE=SYMBOL"):
            parse_naming(wrong)


def test_a_file_that_breaks_off_holds_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("t,s,p\n1,A,2\n1,B,x\n1,C,2\n")
    assert RecordedFile(path, OWN).symbols() == ("A",)
    path.write_text("t,s,p\n1,A,x\n")
    with pytest.raises(MalformedFile, match="line 2, column p"):
        RecordedFile(path, OWN).symbols()


def test_the_recorders_clock_is_set_by_the_fastest_way(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("recv_ts_ns,event_time_ms\n1000000,3\n1500000,4\n4000000,5\n")
    assert recorder_skew(RecordedFile(path, FORMATS["binance"])) == 2_500_000
