"""The calendar rules on calendars made here: partition of time, agreement of state and sessions, DST, odd weeks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from storage.models.calendar_rules import (
    day_start,
    next_change,
    session_state,
    sessions_of,
    trading_date,
    trading_date_bounds,
)
from storage.models.calendars import Calendar, FormerWeek, Segment


def segments(*texts: str) -> tuple[Segment, ...]:
    """`open 9:30 16:00`; hours may be negative or above 24."""

    def minutes(clock: str) -> int:
        hours, _, rest = clock.partition(":")
        return int(hours) * 60 + int(rest or 0)

    return tuple(
        Segment(state=state, start_minute=minutes(start), end_minute=minutes(end))
        for state, start, end in (text.split() for text in texts)
    )


def weekdays(*texts: str) -> dict[int, tuple[Segment, ...]]:
    return dict.fromkeys(range(5), segments(*texts))


NEW_YORK = Calendar(
    name="NEW_YORK",
    timezone="America/New_York",
    weekly=weekdays("premarket 4 9:30", "open 9:30 16", "postmarket 16 20"),
    exceptions={
        "2024-07-03": segments("premarket 4 9:30", "open 9:30 13", "postmarket 13 17"),
        "2024-07-04": (),
    },
    notes={"2024-07-03": "early close", "2024-07-04": "Independence Day"},
    first_date="2004-01-01",
    last_date="2027-12-31",
)
TOKYO = Calendar(
    name="TOKYO",
    timezone="Asia/Tokyo",
    weekly=weekdays("open 9 11:30", "open 12:30 15:30"),
    former=(FormerWeek(until="2024-11-04", weekly=weekdays("open 9 11:30", "open 12:30 15")),),
)
FUTURES = Calendar(name="FUTURES", timezone="America/Chicago", weekly=weekdays("open -7 16"))
FOREX = Calendar(name="FOREX", timezone="America/New_York", weekly=weekdays("open -7 17"))
ALWAYS = Calendar(name="24/7", timezone="UTC", always_open=True)
CALENDARS = (NEW_YORK, TOKYO, FUTURES, FOREX, ALWAYS)


def at(calendar: Calendar, text: str) -> int:
    """Nanoseconds of a wall-clock time of the calendar's own zone."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(calendar.timezone)).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("calendar", "wall", "state", "belongs_to"),
    [
        (NEW_YORK, "2024-08-08 03:59:59", "closed", "2024-08-08"),
        (NEW_YORK, "2024-08-08 04:00:00", "premarket", "2024-08-08"),
        (NEW_YORK, "2024-08-08 09:30:00", "open", "2024-08-08"),
        (NEW_YORK, "2024-08-08 16:00:00", "postmarket", "2024-08-08"),
        (NEW_YORK, "2024-08-08 19:59:59", "postmarket", "2024-08-08"),
        (NEW_YORK, "2024-08-08 20:00:00", "closed", "2024-08-09"),
        (NEW_YORK, "2024-08-09 20:00:00", "closed", "2024-08-12"),
        (NEW_YORK, "2024-07-03 13:30:00", "postmarket", "2024-07-03"),
        (NEW_YORK, "2024-07-03 17:00:00", "closed", "2024-07-05"),
        (NEW_YORK, "2024-07-04 12:00:00", "closed", "2024-07-05"),
        (TOKYO, "2024-08-08 12:00:00", "closed", "2024-08-08"),
        (TOKYO, "2024-11-04 15:10:00", "closed", "2024-11-05"),
        (TOKYO, "2024-11-05 15:10:00", "open", "2024-11-05"),
        (FUTURES, "2024-08-11 16:59:59", "closed", "2024-08-12"),
        (FUTURES, "2024-08-11 17:00:00", "open", "2024-08-12"),
        (FUTURES, "2024-08-12 16:30:00", "closed", "2024-08-13"),
        (FUTURES, "2024-08-16 16:00:00", "closed", "2024-08-19"),
        (FOREX, "2024-08-12 17:00:00", "open", "2024-08-13"),
        (ALWAYS, "2024-08-11 23:59:59", "open", "2024-08-11"),
        (ALWAYS, "2024-08-12 00:00:00", "open", "2024-08-12"),
    ],
)
def test_state_and_trading_date(calendar: Calendar, wall: str, state: str, belongs_to: str) -> None:
    moment = at(calendar, wall)
    assert session_state(calendar, moment) == state
    assert trading_date(calendar, moment) == date.fromisoformat(belongs_to)


def test_daylight_saving_moves_the_sessions_with_the_wall_clock() -> None:
    winter, summer = sessions_of(NEW_YORK, date(2024, 3, 8)), sessions_of(NEW_YORK, date(2024, 3, 11))
    assert (
        winter.open_at
        == at(NEW_YORK, "2024-03-08 09:30:00")
        == int(datetime(2024, 3, 8, 14, 30, tzinfo=UTC).timestamp() * 1e9)
    )
    assert summer.open_at == int(datetime(2024, 3, 11, 13, 30, tzinfo=UTC).timestamp() * 1e9)
    start, end = trading_date_bounds(FUTURES, at(FUTURES, "2024-03-10 17:00:00"))
    assert (end - start) // 3_600_000_000_000 == 3 * 24 - 1  # Friday 16:00 CST to Monday 16:00 CDT


def test_a_session_over_the_change_itself_is_an_hour_longer_or_shorter() -> None:
    nightly = Calendar(name="N", timezone="America/New_York", weekly=dict.fromkeys(range(7), segments("open -2 6")))
    hours = {
        day: sum(session.close_at - session.open_at for session in sessions_of(nightly, day).sessions) / 3.6e12
        for day in (date(2024, 3, 9), date(2024, 3, 10), date(2024, 11, 3))
    }
    assert hours == {date(2024, 3, 9): 8, date(2024, 3, 10): 7, date(2024, 11, 3): 9}


def test_sessions_of_a_date_show_lunch_early_close_and_holiday() -> None:
    lunch = sessions_of(TOKYO, date(2024, 11, 5))
    assert [(session.open_at, session.close_at) for session in lunch.open_sessions] == [
        (at(TOKYO, "2024-11-05 09:00:00"), at(TOKYO, "2024-11-05 11:30:00")),
        (at(TOKYO, "2024-11-05 12:30:00"), at(TOKYO, "2024-11-05 15:30:00")),
    ]
    early = sessions_of(NEW_YORK, date(2024, 7, 3))
    assert (early.close_at, early.notes) == (at(NEW_YORK, "2024-07-03 13:00:00"), "early close")
    holiday = sessions_of(NEW_YORK, date(2024, 7, 4))
    assert (holiday.is_trading_day, holiday.open_at, holiday.notes) == (False, None, "Independence Day")
    assert sessions_of(NEW_YORK, date(2030, 7, 4)).notes == "holidays of this date are not known"
    around_the_clock = sessions_of(ALWAYS, date(2024, 7, 4))
    assert around_the_clock.open_at == day_start(date(2024, 7, 4))
    assert around_the_clock.close_at == day_start(date(2024, 7, 5))


def test_next_change_passes_over_sessions_that_touch() -> None:
    monday = at(FOREX, "2024-08-12 12:00:00")
    assert next_change(FOREX, monday) == at(FOREX, "2024-08-16 17:00:00")
    assert next_change(FOREX, at(FOREX, "2024-08-16 17:00:00")) == at(FOREX, "2024-08-18 17:00:00")
    assert next_change(NEW_YORK, at(NEW_YORK, "2024-08-08 09:30:00")) == at(NEW_YORK, "2024-08-08 16:00:00")
    assert next_change(ALWAYS, monday) is None


MOMENTS = st.integers(at(ALWAYS, "2003-06-01"), at(ALWAYS, "2028-06-01"))


@given(st.sampled_from(CALENDARS), MOMENTS)
@example(NEW_YORK, at(NEW_YORK, "2024-07-03 17:00:00"))
def test_bounds_hold_the_moment_and_meet_their_neighbours(calendar: Calendar, moment: int) -> None:
    start, end = trading_date_bounds(calendar, moment)
    assert start <= moment < end
    assert trading_date_bounds(calendar, end)[0] == end
    assert trading_date_bounds(calendar, start - 1)[1] == start
    assert trading_date(calendar, start) == trading_date(calendar, end - 1) == trading_date(calendar, moment)
    assert trading_date(calendar, start - 1) < trading_date(calendar, moment) < trading_date(calendar, end)


@given(st.sampled_from(CALENDARS), MOMENTS)
def test_state_agrees_with_the_sessions_of_the_trading_date(calendar: Calendar, moment: int) -> None:
    sessions = sessions_of(calendar, trading_date(calendar, moment)).sessions
    expected = [session.state for session in sessions if session.open_at <= moment < session.close_at]
    assert [session_state(calendar, moment)] == (expected or ["closed"])


@given(st.sampled_from(CALENDARS[:-1]), MOMENTS)
def test_the_state_holds_until_the_next_change(calendar: Calendar, moment: int) -> None:
    change = next_change(calendar, moment)
    assert change is not None
    assert change > moment
    state = session_state(calendar, moment)
    assert session_state(calendar, change) != state
    step = max(1, (change - moment) // 7)
    assert {session_state(calendar, between) for between in range(moment, change, step)} == {state}


def _any_day(draw: st.DrawFn) -> tuple[Segment, ...]:
    marks = sorted(draw(st.sets(st.integers(-420, 1019), max_size=6)))
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    states = st.sampled_from(["open", "premarket", "postmarket"])
    return tuple(Segment(state=draw(states), start_minute=start, end_minute=end) for start, end in pairs)


@st.composite
def any_calendar(draw: st.DrawFn) -> Calendar:
    weekly = {weekday: _any_day(draw) for weekday in range(7)}
    weekly[draw(st.integers(0, 6))] = segments("open 1 5")  # at least one day; spans both changes of the clock
    zone = draw(st.sampled_from(["America/New_York", "Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe"]))
    holidays = draw(st.sets(st.dates(date(2018, 3, 1), date(2018, 4, 15)), max_size=10))
    return Calendar(name="any", timezone=zone, weekly=weekly, exceptions={day.isoformat(): () for day in holidays})


@settings(max_examples=60)
@given(any_calendar(), st.integers(at(ALWAYS, "2018-02-01"), at(ALWAYS, "2018-12-31")))
def test_any_calendar_partitions_time(calendar: Calendar, moment: int) -> None:
    start, end = trading_date_bounds(calendar, moment)
    assert start <= moment < end
    assert trading_date_bounds(calendar, end)[0] == end
    sessions = sessions_of(calendar, trading_date(calendar, moment)).sessions
    assert sessions[-1].close_at == end
    expected = [session.state for session in sessions if session.open_at <= moment < session.close_at]
    assert [session_state(calendar, moment)] == (expected or ["closed"])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timezone": "Mars/Olympus", "weekly": weekdays("open 9 16")}, "no such time zone"),
        ({"timezone": "UTC"}, "at least one weekday"),
        ({"timezone": "UTC", "always_open": True, "weekly": weekdays("open 9 16")}, "always open has no segments"),
        ({"timezone": "UTC", "weekly": weekdays("open 9 16", "open 15 17")}, "overlap"),
        ({"timezone": "UTC", "weekly": weekdays("open -10 16")}, "overlap"),
        ({"timezone": "UTC", "weekly": {7: segments("open 9 16")}}, "0 .Monday. to 6"),
        (
            {"timezone": "UTC", "weekly": weekdays("open 9 16"), "exceptions": {"2024-08-08": segments("open -9 16")}},
            "around 2024-08-08",
        ),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Calendar.model_validate({"name": "X", **fields})


def test_a_segment_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="end after it begins"):
        segments("open 16 9")


def test_dates_out_of_reach_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="from 1900-01-01 to 2200-12-31"):
        sessions_of(NEW_YORK, date(1, 1, 1))
    with pytest.raises(ValueError, match="from 1900-01-01 to 2200-12-31"):
        trading_date(NEW_YORK, day_start(date(9999, 12, 31)))
    assert day_start(date(1970, 1, 1) + timedelta(days=1)) == 86_400_000_000_000
