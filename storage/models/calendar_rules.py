"""What a calendar says about a moment: session state, trading date and its bounds, the sessions of a date.

Pure. Every trading date owns the time from the end of the date before it to its own last segment's end, so the dates
partition time: a print after the close belongs to the next date, and a futures print on Sunday evening to Monday.
A daily bar begins, by name, at `day_start(trading date)`: midnight UTC of that date (docs/decisions/0017).
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.calendars import Calendar, SegmentState, SessionState

_DAY = 86_400 * NANOSECONDS_PER_SECOND
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(1900, 1, 1), date(2200, 12, 31)
_DAYS_KEPT = 1_024
_TIMETABLES_KEPT = 256


class Session(NamedTuple):
    """One session of a trading date: open_at <= t < close_at, nanoseconds since the epoch."""

    state: SegmentState
    open_at: int
    close_at: int


class TradingDay(NamedTuple):
    """The sessions of one date in order of time (none: not a trading day); a lunch break makes two `open` ones.

    `notes` is "" or what is special about it ("Christmas", "early close", ...).
    """

    date: date
    sessions: tuple[Session, ...]
    notes: str

    @property
    def is_trading_day(self) -> bool:
        """Whether the venue opens at all on this date."""
        return bool(self.sessions)

    @property
    def open_sessions(self) -> tuple[Session, ...]:
        """The regular sessions, without what comes before and after the market."""
        return tuple(session for session in self.sessions if session.state == "open")

    @property
    def open_at(self) -> int | None:
        """When regular trading begins (nanoseconds), None on a day without."""
        return next((session.open_at for session in self.sessions if session.state == "open"), None)

    @property
    def close_at(self) -> int | None:
        """When regular trading ends (nanoseconds), None on a day without."""
        return next((session.close_at for session in reversed(self.sessions) if session.state == "open"), None)


def _checked(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"calendars answer for dates from {_FIRST} to {_LAST}, not {day}")
    return day


class _Interval(NamedTuple):
    start: int
    end: int
    state: SessionState


class _Span(NamedTuple):
    start: int
    end: int
    date: date


_NO_INTERVAL = _Interval(0, 0, "closed")
_NO_SPAN = _Span(0, 0, date(1970, 1, 1))


class _Timetable:
    """A calendar laid on the time line, remembering the interval and the trading date that were asked for last."""

    __slots__ = ("_days", "_zone", "calendar", "interval", "span")

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.interval = _NO_INTERVAL
        self.span = _NO_SPAN
        self._zone = ZoneInfo(calendar.timezone)
        self._days: dict[date, tuple[Session, ...]] = {}

    def sessions(self, day: date) -> tuple[Session, ...]:
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            known = self._days[day] = tuple(self._laid_out(day))
        return known

    def _laid_out(self, day: date) -> Iterator[Session]:
        cursor: int | None = None
        for segment in self.calendar.segments_on(day):
            start, end = self._instant(day, segment.start_minute), self._instant(day, segment.end_minute)
            if cursor is not None:  # a wall time that daylight saving skips must not turn two segments round
                start, end = max(start, cursor), max(end, cursor)
            cursor = end
            if start < end:
                yield Session(segment.state, start, end)

    def _instant(self, day: date, minute: int) -> int:
        wall = datetime.combine(day, time()) + timedelta(minutes=minute)
        return int(wall.replace(tzinfo=self._zone).timestamp()) * NANOSECONDS_PER_SECOND

    def span_at(self, moment: int) -> _Span:
        """The trading date whose last session's end is the first after `moment`."""
        if self.calendar.always_open:
            number = moment // _DAY
            return _Span(number * _DAY, (number + 1) * _DAY, _checked(date.fromordinal(_EPOCH_ORDINAL + number)))
        local = _checked(datetime.fromtimestamp(moment // NANOSECONDS_PER_SECOND, self._zone).date())
        day = local - timedelta(days=3)  # a session may end up to two days after its date's midnight
        before = self._end_before(day)
        while True:
            sessions = self.sessions(day)
            if sessions and sessions[-1].close_at > moment:
                return _Span(before, sessions[-1].close_at, day)
            if sessions:
                before = sessions[-1].close_at
            day += timedelta(days=1)

    def _end_before(self, day: date) -> int:
        while True:
            day -= timedelta(days=1)
            sessions = self.sessions(day)
            if sessions:
                return sessions[-1].close_at

    def interval_at(self, moment: int) -> _Interval:
        """The session, or the gap between two, that `moment` is in."""
        span = self.span_at(moment)
        if self.calendar.always_open:
            return _Interval(span.start, span.end, "open")
        gap = span.start
        for state, open_at, close_at in self.sessions(span.date):
            if moment < open_at:
                return _Interval(gap, open_at, "closed")
            if moment < close_at:
                return _Interval(open_at, close_at, state)
            gap = close_at
        raise AssertionError("a trading date ends with its last session")


_timetables: dict[int, _Timetable] = {}  # by identity: hashing a calendar would cost more than its answer


def _timetable(calendar: Calendar) -> _Timetable:
    known = _timetables.get(id(calendar))
    if known is None:
        if len(_timetables) >= _TIMETABLES_KEPT:
            _timetables.clear()
        known = _timetables[id(calendar)] = _Timetable(calendar)
    return known


def session_state(calendar: Calendar, moment: int) -> SessionState:
    """`open`, `premarket`, `postmarket` or `closed` at `moment` (nanoseconds since the epoch)."""
    timetable = _timetable(calendar)
    start, end, state = timetable.interval
    if start <= moment < end:
        return state
    timetable.interval = timetable.interval_at(moment)
    return timetable.interval.state


def next_change(calendar: Calendar, moment: int) -> int | None:
    """When the session state changes next, in nanoseconds (greater than `moment`); None for a venue that never closes."""
    if calendar.always_open:
        return None
    timetable = _timetable(calendar)
    state = session_state(calendar, moment)
    end = timetable.interval.end
    while (following := timetable.interval_at(end)).state == state:
        end = following.end
    return end


def _span(calendar: Calendar, moment: int) -> _Span:
    timetable = _timetable(calendar)
    if not timetable.span.start <= moment < timetable.span.end:
        timetable.span = timetable.span_at(moment)
    return timetable.span


def trading_date(calendar: Calendar, moment: int) -> date:
    """The trading date that `moment` (nanoseconds) belongs to: the UTC date for a venue that never closes, else the date
    whose last session's end is the first after `moment`.
    """
    return _span(calendar, moment).date


def trading_date_bounds(calendar: Calendar, moment: int) -> tuple[int, int]:
    """(start, end) of the trading date of `moment`, nanoseconds, left-closed and right-open, without holes between dates."""
    start, end, _ = _span(calendar, moment)
    return start, end


def day_start(day: date) -> int:
    """Midnight UTC of a trading date in nanoseconds: what its daily bar shows as `t`."""
    return (day.toordinal() - _EPOCH_ORDINAL) * _DAY


def sessions_of(calendar: Calendar, day: date) -> TradingDay:
    """What `calendar` has on `day`. Outside the calendar's known dates the notes say that holidays are not known.

    Raises `ValueError` for a date before 1900 or after 2200, as all rules here do.
    """
    text = _checked(day).isoformat()
    if calendar.always_open:
        start = day_start(day)
        return TradingDay(day, (Session("open", start, start + _DAY),), "open around the clock")
    notes = calendar.notes.get(text, "")
    known = (calendar.first_date or text) <= text <= (calendar.last_date or text)
    if not known:
        notes = "holidays of this date are not known"
    return TradingDay(day, _timetable(calendar).sessions(day), notes)
