"""The compact text form of calendars, as `calendars.yaml` has it: what a person can read and a tool can write.

A day is a list of segments (`premarket 04:00-09:30`, `open -07:00-16:00` begins at 17:00 the evening before) under a
name; the week and the exceptions name days. Pure: text to models and back.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from storage.models.calendars import Calendar, FormerWeek, Segment, Segments

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SEGMENT = re.compile(r"^(open|premarket|postmarket) (-?)(\d\d):(\d\d)-(-?)(\d\d):(\d\d)$")


def segment_of(text: str) -> Segment:
    """`open 09:30-16:00` as a segment. Raises `ValueError` for another form."""
    match = _SEGMENT.match(text)
    if match is None:
        raise ValueError(f"not a segment: {text!r} (such as 'open 09:30-16:00' or 'open -07:00-16:00')")
    state, sign, hours, minutes, end_sign, end_hours, end_minutes = match.groups()
    start, end = int(hours) * 60 + int(minutes), int(end_hours) * 60 + int(end_minutes)
    return Segment.model_validate(
        {"state": state, "start_minute": -start if sign else start, "end_minute": -end if end_sign else end}
    )


def segment_text(segment: Segment) -> str:
    """The text of a segment; `segment_of` reads it back."""
    return f"{segment.state} {_clock(segment.start_minute)}-{_clock(segment.end_minute)}"


def _clock(minutes: int) -> str:
    return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def calendar_of(name: str, content: Mapping[str, Any]) -> Calendar:
    """One calendar of the file. Raises `ValueError` (pydantic's included), naming the calendar, for what cannot be."""
    try:
        days = {day: tuple(segment_of(text) for text in texts) for day, texts in content.get("days", {}).items()}
        exceptions = [(text, entry) for entry in content.get("exceptions", ()) for text in entry["dates"]]
        return Calendar(
            name=name,
            timezone=content["timezone"],
            always_open=content.get("always_open", False),
            weekly=_week(content.get("week", {}), days),
            former=tuple(
                FormerWeek(until=former["until"], weekly=_week(former["week"], days))
                for former in content.get("former", ())
            ),
            exceptions={text: days[entry["day"]] for text, entry in exceptions},
            notes={text: entry["note"] for text, entry in exceptions if entry["note"]},
            first_date=content.get("first_date"),
            last_date=content.get("last_date"),
        )
    except KeyError as error:
        raise ValueError(f"calendar {name}: {error} is missing") from error
    except ValueError as error:
        raise ValueError(f"calendar {name}: {error}") from error


def _week(week: Mapping[str, str], days: Mapping[str, Segments]) -> dict[int, Segments]:
    return {WEEKDAYS.index(weekday): days[day] for weekday, day in week.items()}


def calendar_content(calendar: Calendar) -> dict[str, Any]:
    """A calendar as plain data for the file; `calendar_of` reads it back equal."""
    if calendar.always_open:
        return {"timezone": calendar.timezone, "always_open": True}
    names = _DayNames()
    content: dict[str, Any] = {
        "timezone": calendar.timezone,
        "first_date": calendar.first_date,
        "last_date": calendar.last_date,
        "week": _week_names(calendar.weekly, names),
    }
    if calendar.former:
        content["former"] = [
            {"until": former.until, "week": _week_names(former.weekly, names)} for former in calendar.former
        ]
    content["exceptions"] = _grouped_exceptions(calendar, names)
    content["days"] = {name: [segment_text(segment) for segment in day] for day, name in names.known.items()}
    return content


class _DayNames:
    """Gives each distinct day a readable name: its regular hours."""

    def __init__(self) -> None:
        self.known: dict[Segments, str] = {}

    def of(self, day: Segments) -> str:
        if day not in self.known:
            regular = [segment_text(segment).removeprefix("open ") for segment in day if segment.state == "open"]
            name = " and ".join(regular) or "closed"
            self.known[day] = name if name not in self.known.values() else f"{name} ({len(self.known)})"
        return self.known[day]


def _week_names(weekly: Mapping[int, Segments], names: _DayNames) -> dict[str, str]:
    return {WEEKDAYS[weekday]: names.of(day) for weekday, day in sorted(weekly.items()) if day}


def _grouped_exceptions(calendar: Calendar, names: _DayNames) -> list[dict[str, Any]]:
    def kind(text: str) -> tuple[str, str]:
        return names.of(calendar.exceptions[text]), calendar.notes.get(text, "")

    ordered: Sequence[str] = sorted(calendar.exceptions, key=lambda text: (*kind(text), text))
    return [{"day": day, "note": note, "dates": list(dates)} for (day, note), dates in groupby(ordered, key=kind)]
