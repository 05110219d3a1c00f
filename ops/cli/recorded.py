"""What `bars build` and `feed replay` share: a recorded file with its format, from what was typed."""

from datetime import date
from pathlib import Path

import typer

from streams.feeds.replay.formats import FORMATS
from streams.feeds.replay.plan import PlannedFile

EXIT_NO_INPUT = 66
FORMATS_HELP = f"{', '.join(FORMATS)}; or --columns."
COLUMNS_HELP = "A CSV of your own: ts=...,symbol=...,price=...,quantity=...[,ts_unit=ms|us|ns|s|rfc3339]."
DAY_HELP = "The date (YYYY-MM-DD) of a file whose times are since midnight; else that of its name."


def planned_file(path: Path, file_format: str | None, columns: str | None, day: str | None = None) -> PlannedFile:
    """The file as it is to be read. Raises `typer.BadParameter`; whether it is there is seen when it is opened."""
    planned = PlannedFile(path=path.absolute(), format=file_format, columns=columns, day=_day(day))
    try:
        planned.recorded()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--columns" if columns else "--format") from error
    return planned


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2014-05-06", param_hint="--date") from None
