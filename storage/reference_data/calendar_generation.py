"""Makes `calendars.yaml` from the exchange_calendars library and the venues' own hours (`omniaxs markets calendars`).

The only module that imports the library (and pandas with it): no serving process may import this one.
"""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

import exchange_calendars

from storage.models.calendars import Calendar, FormerWeek, Segments
from storage.reference_data import venue_hours as venues

FIRST, LAST = date(2004, 1, 1), date(2027, 12, 31)
DayRule = Callable[[date], tuple[Segments, str] | None]


class Exchange:
    """The trading dates, early closes and holiday names of one exchange of the library."""

    def __init__(self, code: str) -> None:
        library = exchange_calendars.get_calendar(code, start=FIRST.isoformat(), end=LAST.isoformat())
        self.sessions = frozenset(session.date() for session in library.sessions)
        self.early = frozenset(session.date() for session in library.early_closes)
        self.first, self.last = min(self.sessions), max(self.sessions)
        named = library.regular_holidays.holidays(FIRST.isoformat(), LAST.isoformat(), return_name=True)
        self._names = {moment.date(): str(name) for moment, name in named.items()}

    def holiday(self, day: date) -> str:
        """The name of a holiday; plain `holiday` where the library has none (a single decision of the exchange)."""
        return self._names.get(day, "holiday").split(" (")[0]

    def state(self, day: date) -> venues.StockMarket:
        """Whether a weekday is regular, ends early or is a holiday."""
        if day in self.early:
            return "early"
        return "closed" if self.closed(day) else "open"

    def closed(self, day: date) -> bool:
        """Whether the exchange does not trade on `day`, a weekday or not."""
        return day not in self.sessions


def generate_calendars() -> list[Calendar]:
    """All built-in calendars, by name."""
    new_york, tokyo, hong_kong, globex = (Exchange(code) for code in ("XNYS", "XTKS", "XHKG", "CMES"))
    calendars = (
        Calendar(name="24/7", timezone="UTC", always_open=True),
        _calendar("OANDA", "America/New_York", venues.OANDA_FX, _new_year_and_christmas),
        _calendar("OANDA-METALS", "America/New_York", venues.OANDA_METALS, _metals_holidays(globex)),
        _calendar("XCME", "America/Chicago", venues.GLOBEX, _futures(globex, new_york, venues.equity_index_futures)),
        _calendar("XCME-FX", "America/Chicago", venues.GLOBEX, _futures(globex, new_york, venues.currency_futures)),
        _calendar("XHKG", "Asia/Hong_Kong", venues.HONG_KONG, _exchange(hong_kong, _morning_only(venues.HONG_KONG))),
        _calendar("XNYS", "America/New_York", venues.US_EQUITY, _exchange(new_york, lambda _: venues.US_EQUITY_EARLY)),
        _calendar(
            "XNYS-REGULAR", "America/New_York", venues.US_INDEX, _exchange(new_york, lambda _: venues.US_INDEX_EARLY)
        ),
        _calendar("XTKS", "Asia/Tokyo", venues.TOKYO, _exchange(tokyo, _morning_only(venues.TOKYO))),
    )
    return sorted(calendars, key=lambda calendar: calendar.name)


def _calendar(name: str, timezone: str, weeks: tuple[venues.Week, ...], rule: DayRule) -> Calendar:
    found = {day.isoformat(): change for day in _weekdays() if (change := rule(day)) is not None}
    return Calendar(
        name=name,
        timezone=timezone,
        weekly=dict.fromkeys(range(5), weeks[-1].day),
        former=tuple(
            FormerWeek(until=week.until.isoformat(), weekly=dict.fromkeys(range(5), week.day))
            for week in weeks
            if week.until is not None
        ),
        exceptions={text: segments for text, (segments, _) in found.items()},
        notes={text: note for text, (_, note) in found.items()},
        first_date=FIRST.isoformat(),
        last_date=LAST.isoformat(),
    )


def _weekdays() -> Iterable[date]:
    days = (FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1))
    return (day for day in days if day.weekday() < 5)


def _exchange(exchange: Exchange, early_day: Callable[[date], Segments]) -> DayRule:
    def rule(day: date) -> tuple[Segments, str] | None:
        if exchange.closed(day):
            return venues.CLOSED, exchange.holiday(day)
        return (early_day(day), "early close") if day in exchange.early else None

    return rule


def _morning_only(weeks: tuple[venues.Week, ...]) -> Callable[[date], Segments]:
    def early_day(day: date) -> Segments:
        week = next(week for week in weeks if week.until is None or day <= week.until)
        return week.day[:1]

    return early_day


def _futures(globex: Exchange, new_york: Exchange, early_close: venues.EarlyClose) -> DayRule:
    def rule(day: date) -> tuple[Segments, str] | None:
        special = day in venues.GOOD_FRIDAYS_WITH_A_REPORT or day in venues.EQUITY_CLOSED_BY_EVENT
        if globex.closed(day) and not special:
            return venues.CLOSED, globex.holiday(day)
        segments = early_close(day, new_york.state(day))
        if segments is None:
            return None
        return segments, f"early close ({new_york.holiday(day)})" if new_york.closed(day) else "early close"

    return rule


def _new_year_and_christmas(day: date) -> tuple[Segments, str] | None:
    """OANDA has no trading date on the two days, nor on the Monday after when they fall on a Sunday (2022-12-26)."""
    names = {(1, 1): "New Year's Day", (12, 25): "Christmas"}
    kept = day - timedelta(days=1) if day.weekday() == 0 else day
    name = names.get((day.month, day.day)) or names.get((kept.month, kept.day))
    return None if name is None else (venues.CLOSED, name)


def _metals_holidays(globex: Exchange) -> DayRule:
    def rule(day: date) -> tuple[Segments, str] | None:
        if globex.closed(day) and globex.holiday(day) == "Good Friday":
            return venues.CLOSED, "Good Friday"
        return _new_year_and_christmas(day)

    return rule
