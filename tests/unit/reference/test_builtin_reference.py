"""The reference data that comes with the package: complete, consistent, and loaded without pandas."""

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from storage.models.calendar_rules import sessions_of
from storage.models.calendars import Calendar, FormerWeek, Segment
from storage.models.instruments import ASSET_CLASSES
from storage.reference_data.builtin import CALENDARS, load_builtin
from storage.reference_data.calendar_files import read_calendars, write_calendars
from storage.reference_data.calendar_text import segment_of, segment_text

REFERENCE = load_builtin()


def test_all_seven_asset_classes_are_there_and_four_of_them_never_sleep() -> None:
    instruments = REFERENCE.instruments.values()
    assert {instrument.asset_class for instrument in instruments} == set(ASSET_CLASSES)
    always = {i.asset_class for i in instruments if REFERENCE.calendar_of(i.symbol).always_open}
    assert always == {"crypto", "futures", "prediction", "index"}


def test_what_is_market_data_only_is_not_tradable() -> None:
    not_tradable = {i.symbol for i in REFERENCE.instruments.values() if not i.tradable}
    index = {i.symbol for i in REFERENCE.instruments.values() if i.asset_class == "index"}
    assert not_tradable == index | {"BTCUSD-PERP.BINANCE"}


def test_the_recorded_symbols_are_there() -> None:
    expected = "BTCUSDT.BINANCE ETHUSDT.BINANCE XRPETH.BINANCE BTCUSDT-PERP.BINANCE BTCUSD-PERP.BINANCE XXX.US ETF.US "
    expected += "AAA.US BBB.US EURUSD.OANDA XAUUSD.OANDA 786779.BETFAIR 36615093.BETFAIR 38975313.BETFAIR"
    assert set(expected.split()) <= set(REFERENCE.instruments)


def test_sizes_allow_an_order_at_the_reference_price() -> None:
    for instrument in REFERENCE.instruments.values():
        largest = Decimal(instrument.max_quantity) * Decimal(instrument.reference_price)
        assert largest * Decimal(instrument.multiplier) >= Decimal(instrument.min_notional), instrument.symbol


def test_a_lunch_break_makes_two_sessions_and_an_early_close_is_told() -> None:
    assert len(sessions_of(REFERENCE.calendars["XHKG"], date(2026, 11, 23)).open_sessions) == 2
    thanksgiving_friday = sessions_of(REFERENCE.calendars["XNYS"], date(2026, 11, 27))
    assert thanksgiving_friday.notes == "early close"
    assert sessions_of(REFERENCE.calendars["XNYS"], date(2026, 11, 26)).notes == "Thanksgiving"


def test_calendars_survive_the_file(tmp_path: Path) -> None:
    open_day = (Segment(state="premarket", start_minute=-65, end_minute=0), segment_of("open 00:00-16:00"))
    other_day = (Segment(state="open", start_minute=0, end_minute=960),)
    calendar = Calendar(
        name="X",
        timezone="Asia/Tokyo",
        weekly={0: open_day, 3: other_day},
        former=(FormerWeek(until="2010-01-01", weekly={1: other_day}),),
        exceptions={"2024-01-01": (), "2024-01-04": open_day[1:], "2024-01-08": ()},
        notes={"2024-01-01": "New Year's Day"},
        first_date="2000-01-01",
        last_date="2030-12-31",
    )
    calendars = [calendar, *REFERENCE.calendars.values()]
    write_calendars(tmp_path / "calendars.yaml", calendars)
    assert read_calendars(tmp_path / "calendars.yaml") == calendars


@pytest.mark.parametrize(
    "text", ["open 09:30-16:00", "open -07:00-16:00", "premarket -01:05-00:00", "open 22:00-30:15"]
)
def test_segment_texts_read_back(text: str) -> None:
    assert segment_text(segment_of(text)) == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("X: {timezone: UTC, week: {mon: day}}", "calendar X: 'day' is missing"),
        ("X: {timezone: UTC, week: {mon: d}, days: {d: [open 9-16]}}", "calendar X: not a segment: 'open 9-16'"),
        ("X: {week: {}}", "calendar X: 'timezone' is missing"),
    ],
)
def test_a_calendar_file_that_is_wrong_names_file_and_calendar(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "calendars.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=reason) as caught:
        read_calendars(path)
    assert str(path) in str(caught.value)


def test_serving_processes_never_import_pandas() -> None:
    program = (
        "import sys, storage.reference, storage.models.calendar_rules, storage.mongo.reference, ops.cli.markets\n"
        "import ops.processes.feed, ops.processes.gateway, ops.processes.local, ops.processes.streams, ops.processes.workers\n"
        "from storage.reference_data.builtin import load_builtin\n"
        "load_builtin()\n"
        "print([name for name in ('pandas', 'numpy', 'exchange_calendars') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_file_is_what_the_tool_makes(tmp_path: Path) -> None:
    from storage.reference_data.calendar_generation import generate_calendars  # noqa: PLC0415  (imports pandas)

    write_calendars(tmp_path / "calendars.yaml", generate_calendars())
    assert (tmp_path / "calendars.yaml").read_text() == CALENDARS.read_text()
