"""The built-in calendars against the recorded market hours, minute by minute of the local wall clock.

Where the two differ, the table says who is right and why; any other difference fails.
"""

import gzip
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from storage.models.calendars import Calendar
from storage.reference_data.builtin import load_builtin

pytestmark = pytest.mark.data

Spans = list[tuple[int, int]]

CALENDARS = load_builtin().calendars
MARKET, REGULAR = {"market"}, {"open"}
ANY_RECORDED = {"market", "premarket", "postmarket"}  # round the clock, what is "pre" and "post" trades continuously
ANY = {"open", "premarket", "postmarket"}
LAST = date(2026, 12, 31)

TYPHOON = "typhoon: the exchange did not open (HKEX); the record has no such single decisions"
NOT_HELD = "the record has lost full holidays of past years for this symbol; CME did not trade"
EVE = "the record has no close for the evening that begins a holiday's trading date"
BEFORE_FOURTH = (
    "stocks closed at 13:00 New York, so equity index futures at 12:15 Chicago; the record has it in other years"
)
BLACK_FRIDAY = "the record forgets the day after Thanksgiving 2024, which it has in every other year"
MOURNING = "day of mourning: equity index futures halted at 8:30 Chicago; the record has no such single decisions"
EASTERN = "the record has energy's close in New York time; currencies close at 12:15 Chicago"
WHOLE_LOCAL_DAY = "the record closes the whole local day; the evening of it belongs to Tuesday, which was traded"
ORDINARY_CHRISTMAS = "the record knows no fx holiday in 2026 though it has the two days in the years before"

DIFFERENCES: dict[str, dict[str, str]] = {
    "XHKG": dict.fromkeys(("2020-10-13", "2021-10-13", "2023-07-17", "2024-09-06"), TYPHOON),
    "XCME": {
        **dict.fromkeys(("2023-01-02", "2024-03-29", "2025-04-18", "2025-12-25"), NOT_HELD),
        **dict.fromkeys(("2023-01-01", "2023-12-24", "2023-12-31", "2024-03-28"), EVE),
        **dict.fromkeys(("2023-07-03", "2024-07-03"), BEFORE_FOURTH),
        "2024-11-29": BLACK_FRIDAY,
        "2025-01-09": MOURNING,
    },
    "XCME-FX": {
        **dict.fromkeys(("2023-01-02", "2024-03-29", "2025-04-18"), NOT_HELD),
        **dict.fromkeys(("2023-01-01", "2023-12-24", "2023-12-31"), EVE),
        "2024-11-29": BLACK_FRIDAY,
        **dict.fromkeys(("2025-11-28", "2025-12-24", "2026-11-27", "2026-12-24"), EASTERN),
    },
    "OANDA": {
        **dict.fromkeys(("2026-12-24", "2026-12-25", "2026-12-31"), ORDINARY_CHRISTMAS),
        **dict.fromkeys(("2022-12-26", "2023-01-02"), WHOLE_LOCAL_DAY),
    },
}


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def read_entries(data: Path) -> dict[str, Any]:
    with gzip.open(data / "reference" / "lean_market_hours.json.gz", "rt") as file:
        text = file.read()
    return json.loads("\n".join(line for line in text.splitlines() if not line.startswith("#")))["entries"]


def _minutes(clock: str) -> int:
    days, _, rest = clock.rpartition(".")
    hours, minutes, _ = rest.split(":")
    return int(days or 0) * 1440 + int(hours) * 60 + int(minutes)


def _by_date(values: dict[str, str]) -> dict[date, int]:
    return {_date(text): _minutes(clock) for text, clock in values.items()}


def _date(text: str) -> date:
    month, day, year = (int(part) for part in text.split("/"))
    return date(year, month, day)


def merged(spans: Spans) -> Spans:
    result: Spans = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result


class RecordedHours:
    """One entry of the recorded hours."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self._entry = entry
        self._holidays = {_date(text) for text in entry["holidays"]}
        self._early = _by_date(entry.get("earlyCloses", {}))
        self._late = _by_date(entry.get("lateOpens", {}))

    def spans(self, day: date, states: set[str]) -> Spans:
        if day in self._holidays:
            return []
        segments = self._entry[_WEEKDAYS[day.weekday()]]
        spans = merged([(_minutes(s["start"]), _minutes(s["end"])) for s in segments if s["state"] in states])
        early, late = self._early.get(day), self._late.get(day)
        if early is not None and late is not None and late >= early:
            return merged([*_clipped(spans, 0, early), *_clipped(spans, late, 1440)])
        return merged(_clipped(spans, late or 0, 1440 if early is None else early))


def _clipped(spans: Spans, first: int, last: int) -> Spans:
    return [(max(start, first), min(end, last)) for start, end in spans if start < last and end > first]


def our_spans(calendar: Calendar, day: date, states: set[str], zone_shift: int = 0) -> Spans:
    """Minutes of the wall clock of `day` in which the calendar is in one of `states`. `zone_shift`: minutes that the
    compared zone is ahead of the calendar's own (the two change their clocks on the same nights).
    """
    spans: Spans = []
    for offset in (-1, 0, 1, 2):
        trading_day = day + timedelta(days=offset)
        for segment in calendar.segments_on(trading_day):
            if segment.state in states:
                shift = offset * 1440 + zone_shift
                spans.append((segment.start_minute + shift, segment.end_minute + shift))
    return merged(_clipped(spans, 0, 1440))


def equal(ours: Spans, recorded: Spans) -> bool:
    return ours == recorded


def within_two_minutes(ours: Spans, recorded: Spans) -> bool:
    """OANDA says 16:59 and 17:05; the record has what its author saw tick, 16:58 and 17:03."""
    if len(ours) != len(recorded):
        return False
    pairs = zip((m for span in ours for m in span), (m for span in recorded for m in span), strict=True)
    return all(abs(one - other) <= 2 for one, other in pairs)


class Comparison(NamedTuple):
    """A calendar and the recorded entry that it must equal from `first` on, in these states."""

    name: str
    entry: str
    first: date
    recorded_states: set[str] = MARKET
    our_states: set[str] = REGULAR
    zone_shift: int = 0
    agree: Callable[[Spans, Spans], bool] = equal


COMPARISONS = (
    Comparison("XNYS", "Equity-usa-[*]", date(2004, 1, 1)),
    Comparison("XNYS-REGULAR", "Equity-usa-[*]", date(2004, 1, 1)),
    Comparison("XNYS", "Equity-usa-[*]", date(2004, 1, 1), {"premarket"}, {"premarket"}),
    Comparison("XTKS", "Index-ose-[*]", date(2024, 11, 5)),
    Comparison("XHKG", "Index-hkfe-[*]", date(2018, 1, 1)),
    Comparison("XCME", "Future-cme-ES", date(2023, 1, 1), ANY_RECORDED, ANY, zone_shift=60),
    Comparison("XCME-FX", "Future-cme-6E", date(2023, 1, 1), ANY_RECORDED, ANY),
    Comparison("OANDA", "Forex-oanda-[*]", date(2019, 1, 1), ANY_RECORDED, ANY, agree=within_two_minutes),
)


@pytest.mark.parametrize("case", COMPARISONS, ids=lambda case: f"{case.name}-{min(case.our_states)}")
def test_sessions_agree_with_the_record(shared_data: Path, case: Comparison) -> None:
    recorded = RecordedHours(read_entries(shared_data)[case.entry])
    calendar = CALENDARS[case.name]
    days = (case.first + timedelta(days=number) for number in range((LAST - case.first).days + 1))
    differing = {
        day.isoformat()
        for day in days
        if not case.agree(
            our_spans(calendar, day, case.our_states, case.zone_shift), recorded.spans(day, case.recorded_states)
        )
    }
    assert differing == set(DIFFERENCES.get(case.name, {}))


def test_late_trading_on_an_early_close_is_ours_to_know(shared_data: Path) -> None:
    """NYSE's late session runs to 17:00 on an early close, to 20:00 else; the record drops it on those days."""
    recorded = RecordedHours(read_entries(shared_data)["Equity-usa-[*]"])
    days = [date(2004, 1, 1) + timedelta(days=number) for number in range((LAST - date(2004, 1, 1)).days + 1)]
    ours = {day: our_spans(CALENDARS["XNYS"], day, {"postmarket"}) for day in days}
    differing = {day for day in days if ours[day] != recorded.spans(day, {"postmarket"})}
    assert differing
    assert all(ours[day] == [(13 * 60, 17 * 60)] and not recorded.spans(day, {"postmarket"}) for day in differing)


def test_metals_agree_with_the_record_of_gold(shared_data: Path) -> None:
    """Regular weeks only: the record has one holiday of gold. It resumes at 18:03, the recorded ticks at 18:00:00."""
    recorded = RecordedHours(read_entries(shared_data)["Cfd-oanda-XAUUSD"])
    for number in range(7):
        day = date(2014, 5, 4) + timedelta(days=number)
        ours = our_spans(CALENDARS["OANDA-METALS"], day, ANY)
        theirs = recorded.spans(day, ANY_RECORDED)
        assert len(ours) == len(theirs)
        pairs = [pair for spans in zip(ours, theirs, strict=True) for pair in zip(*spans, strict=True)]
        assert all(abs(one - other) <= 3 for one, other in pairs)
    assert (
        recorded.spans(date(2017, 4, 14), ANY_RECORDED)
        == our_spans(CALENDARS["OANDA-METALS"], date(2017, 4, 14), ANY)
        == []
    )
