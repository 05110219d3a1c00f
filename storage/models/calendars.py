"""Trading calendars as data and the pure rules about them: session state, trading date, sessions of a date.

A calendar is a weekly template plus exceptions. A segment's bounds are minutes of local wall time from the midnight
that begins its trading date; a session that opens the evening before (futures, fx) has a negative start. So daylight
saving needs no data. Lunch breaks are two `open` segments.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from storage.models.market_data import SessionState

SegmentState = Literal["open", "premarket", "postmarket"]


class Segment(BaseModel):
    """`start_minute` <= t < `end_minute`, minutes of wall time from local midnight of the trading date (-1440..2880)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: SegmentState
    start_minute: int = Field(ge=-1440, le=2880)
    end_minute: int = Field(ge=-1440, le=2880)


class Calendar(BaseModel):
    """One venue calendar. `weekly` is keyed by weekday of the trading date (0 = Monday) and `exceptions` by ISO date;
    an empty tuple is a day without trading. Outside `first_date`..`last_date` the weekly template still holds, but
    holidays are not known. `always_open` calendars (24/7) have no segments; their trading date is the UTC date.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    timezone: str
    always_open: bool = False
    weekly: dict[int, tuple[Segment, ...]] = Field(default_factory=dict)
    exceptions: dict[str, tuple[Segment, ...]] = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)
    first_date: str | None = None
    last_date: str | None = None


__all__ = ["Calendar", "Segment", "SegmentState", "SessionState"]
