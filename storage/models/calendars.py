"""Trading calendars as data: weekly templates, former templates and exceptions. The rules are in `calendar_rules`.

A segment's bounds are minutes of local wall time from the midnight that begins its trading date; a session that opens
the evening before (futures, fx) has a negative start. So daylight saving needs no data. A lunch break is the gap
between two `open` segments.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from storage.models.market_data import SessionState

SegmentState = Literal["open", "premarket", "postmarket"]
MINUTES_PER_DAY = 1440


class Segment(BaseModel):
    """`start_minute` <= t < `end_minute`, minutes of wall time from local midnight of the trading date (-1440..2880)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: SegmentState
    start_minute: int = Field(ge=-1440, le=2880)
    end_minute: int = Field(ge=-1440, le=2880)

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.start_minute >= self.end_minute:
            raise ValueError(f"a segment must end after it begins, not {self.start_minute} to {self.end_minute}")
        return self


Segments = tuple[Segment, ...]


class FormerWeek(BaseModel):
    """The weekly template that held up to and with the trading date `until` (ISO), before the venue changed its hours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    until: str
    weekly: dict[int, Segments]


class Calendar(BaseModel):
    """One venue calendar. `weekly` is keyed by weekday of the trading date (0 = Monday), `exceptions` and `notes` by ISO
    date; an empty tuple is a day without trading. `former` are earlier templates, oldest first. Outside
    `first_date`..`last_date` the templates still hold, but holidays are not known. `always_open` calendars (24/7) have
    no segments; their trading date is the UTC date. Raises `ValueError` where sessions are out of order or overlap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    timezone: str
    always_open: bool = False
    weekly: dict[int, Segments] = Field(default_factory=dict)
    exceptions: dict[str, Segments] = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)
    former: tuple[FormerWeek, ...] = ()
    first_date: str | None = None
    last_date: str | None = None

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone: {name!r} (an IANA name such as America/New_York)") from error
        return name

    @model_validator(mode="after")
    def _sessions_are_in_order(self) -> Self:
        if self.always_open:
            if self.weekly or self.exceptions or self.former:
                raise ValueError("a calendar that is always open has no segments")
            return self
        if not any(self.weekly.values()):
            raise ValueError("a calendar needs at least one weekday with a segment, or always_open")
        for weekly in (self.weekly, *(former.weekly for former in self.former)):
            _check_week(weekly)
        for text in self.exceptions:
            day = date.fromisoformat(text)
            around = [self.segments_on(day + timedelta(days=offset)) for offset in (-1, 0, 1)]
            _check_days(around, f"around {text}")
        return self

    def segments_on(self, day: date) -> Segments:
        """The segments of a trading date, in order of time; empty when it is none. Meaningless when `always_open`."""
        text = day.isoformat()
        if (exception := self.exceptions.get(text)) is not None:
            return exception
        for former in self.former:
            if text <= former.until:
                return former.weekly.get(day.weekday(), ())
        return self.weekly.get(day.weekday(), ())


def _check_week(weekly: dict[int, Segments]) -> None:
    if not all(0 <= weekday <= 6 for weekday in weekly):
        raise ValueError("weekdays are 0 (Monday) to 6 (Sunday)")
    _check_days([weekly.get(index % 7, ()) for index in range(9)], "in the weekly template")


def _check_days(days: Sequence[Segments], where: str) -> None:
    bounds = [
        (segment.start_minute + offset * MINUTES_PER_DAY, segment.end_minute + offset * MINUTES_PER_DAY)
        for offset, segments in enumerate(days)
        for segment in segments
    ]
    if any(end > start for (_, end), (start, _) in pairwise(bounds)):
        raise ValueError(f"segments overlap or are out of order {where}")


__all__ = ["Calendar", "FormerWeek", "Segment", "SegmentState", "Segments", "SessionState"]
