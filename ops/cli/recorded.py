"""What `bars build` and `feed replay` share: a recorded file with its format, from what was typed."""

from datetime import date
from pathlib import Path

import typer

from streams.feeds.replay.columns import parse_columns
from streams.feeds.replay.formats import FORMATS, FileFormat, of_columns
from streams.feeds.replay.recorded_file import RecordedFile

OWN_FORMAT = "columns"
FORMATS_HELP = f"{', '.join(FORMATS)}; or --columns."
COLUMNS_HELP = "A CSV of your own: ts=...,symbol=...,price=...,quantity=...[,ts_unit=ms|us|ns|s|rfc3339]."
DAY_HELP = "The date (YYYY-MM-DD) of a file whose times are since midnight; else that of its name."


def file_format(name: str | None, columns: str | None) -> FileFormat:
    """The format called `name`, or the one that `--columns` describes. Raises `typer.BadParameter`."""
    if name in (None, OWN_FORMAT):
        if not columns:
            raise typer.BadParameter(f"name the format ({FORMATS_HELP}) or its --columns", param_hint="--format")
        try:
            return of_columns(OWN_FORMAT, parse_columns(columns))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--columns") from error
    known = FORMATS.get(str(name))
    if known is None:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(FORMATS)}", param_hint="--format")
    return known


def recorded_file(path: Path, name: str | None, columns: str | None, day: str | None = None) -> RecordedFile:
    """The file as it is to be read. Raises `typer.BadParameter`; whether it is there is seen when it is read."""
    return RecordedFile(path, file_format(name, columns), _day(day))


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date such as 2014-05-06", param_hint="--date") from None
