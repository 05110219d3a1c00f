"""Reads and writes the built-in `calendars.yaml`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from storage.models.calendars import Calendar
from storage.reference_data.calendar_text import calendar_content, calendar_of

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HEAD = """# Trading calendars, made by `omniaxs markets calendars` (storage/reference_data/calendar_generation.py). Do not edit.
# Hours are wall time in the calendar's zone, counted from the midnight that begins the trading date; a negative time is
# the evening before (-07:00 is 17:00). An exception is a date whose day differs from the week's.
"""


def read_calendars(path: Path) -> list[Calendar]:
    """The calendars of a file. Raises `ValueError`, naming file and calendar, for what cannot be."""
    content: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506  (a safe loader)
    try:
        return [calendar_of(name, body) for name, body in content.items()]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_calendars(path: Path, calendars: Sequence[Calendar]) -> None:
    """Write them so that `read_calendars` gives equal ones."""
    content = {calendar.name: calendar_content(calendar) for calendar in calendars}
    text = yaml.safe_dump(content, sort_keys=False, width=118, default_flow_style=None)
    path.write_text(_HEAD + text, encoding="utf-8")
