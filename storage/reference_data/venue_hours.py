"""What the calendar library does not know of a venue: hours before and after the market, breaks, former hours, halts.

Pure data and rules in wall time; each names its source. `calendar_generation` joins them with the library's dates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from storage.models.calendars import Segments
from storage.reference_data.calendar_text import segment_of


def hours(*texts: str) -> Segments:
    """Segments of one day from their text form."""
    return tuple(segment_of(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Week:
    """The regular day (Monday to Friday) that held up to and with `until` (None: holds today)."""

    until: date | None
    day: Segments


CLOSED: Segments = ()

# NYSE and Nasdaq "Holidays and trading hours": 04:00-20:00; on an early close the late session ends at 17:00.
US_EQUITY = (Week(None, hours("premarket 04:00-09:30", "open 09:30-16:00", "postmarket 16:00-20:00")),)
US_EQUITY_EARLY = hours("premarket 04:00-09:30", "open 09:30-13:00", "postmarket 13:00-17:00")
US_INDEX = (Week(None, hours("open 09:30-16:00")),)
US_INDEX_EARLY = hours("open 09:30-13:00")

# JPX: morning session to 11:30 since 2011-11-21 (11:00 before), afternoon to 15:30 since 2024-11-05 (15:00 before).
TOKYO = (
    Week(date(2011, 11, 20), hours("open 09:00-11:00", "open 12:30-15:00")),
    Week(date(2024, 11, 4), hours("open 09:00-11:30", "open 12:30-15:00")),
    Week(None, hours("open 09:00-11:30", "open 12:30-15:30")),
)

# HKEX circulars: 09:30-12:00 and 13:30-16:00 since 2011-03-07, afternoon from 13:00 since 2012-03-05.
HONG_KONG = (
    Week(date(2011, 3, 6), hours("open 10:00-12:30", "open 14:30-16:00")),
    Week(date(2012, 3, 4), hours("open 09:30-12:00", "open 13:30-16:00")),
    Week(None, hours("open 09:30-12:00", "open 13:00-16:00")),
)

# CME Globex, Chicago time: 17:00 the evening before to 16:00, an hour of maintenance between.
GLOBEX = (Week(None, hours("open -07:00-16:00")),)

# OANDA "Hours of operation", New York time: fx Sunday 17:05 to Friday 16:59 with a daily break 16:59-17:05; metals from 18:00
# (the recorded day of XAUUSD resumes at 18:00:00).
OANDA_FX = (Week(None, hours("open -06:55-16:59")),)
OANDA_METALS = (Week(None, hours("open -06:00-16:59")),)


def until_wall(clock: str) -> Segments:
    """A Globex day that ends early, at a Chicago wall time."""
    return hours(f"open -07:00-{clock}")


# CME holiday calendars. When the employment report falls on Good Friday the market is open for it in the morning.
GOOD_FRIDAYS_WITH_A_REPORT = frozenset(
    {date(2010, 4, 2), date(2012, 4, 6), date(2015, 4, 3), date(2021, 4, 2), date(2023, 4, 7), date(2026, 4, 3)}
)
# Days of mourning and storms: the equity market was closed, equity index futures halted before its open.
EQUITY_CLOSED_BY_EVENT = {
    date(2012, 10, 29): "08:15",
    date(2012, 10, 30): "08:15",
    date(2018, 12, 5): "08:30",
    date(2025, 1, 9): "08:30",
}
StockMarket = Literal["open", "early", "closed"]
EarlyClose = Callable[[date, StockMarket], Segments | None]


def equity_index_futures(day: date, stocks: StockMarket) -> Segments | None:
    """ES, NQ: halted at noon on US holidays (10:30 until 2013), at 12:15 where stocks close at noon Chicago time."""
    if day in GOOD_FRIDAYS_WITH_A_REPORT:
        return until_wall("08:15")
    if day in EQUITY_CLOSED_BY_EVENT:
        return until_wall(EQUITY_CLOSED_BY_EVENT[day])
    if stocks == "closed":
        return until_wall("10:30" if day.year < 2014 else "12:00")
    return until_wall("12:15") if stocks == "early" else None


def currency_futures(day: date, stocks: StockMarket) -> Segments | None:
    """6E: since 2022 open to the regular close on US holidays unless they are Fridays (noon), as its trades of 2024-01-15 show;
    noon before. 12:15 on the day after Thanksgiving and on Christmas Eve.
    """
    if day in GOOD_FRIDAYS_WITH_A_REPORT:
        return until_wall("10:15")
    if stocks == "closed" and day not in EQUITY_CLOSED_BY_EVENT and (day.year < 2022 or day.weekday() == 4):
        return until_wall("12:00")
    return until_wall("12:15") if stocks == "early" and day.month != 7 else None
