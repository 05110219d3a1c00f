"""`--session rth`: only what happened in New York's regular trading hours."""

from collections.abc import Iterator
from typing import Literal

from streams.feeds.replay.formats import NEW_YORK, FileFormat
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.rows import Row
from streams.feeds.replay.wall_time import in_regular_hours, utc_of, wall_of

SessionName = Literal["rth"]


def regular_hours(rows: Iterator[Row], file_format: FileFormat, reading: Reading) -> Iterator[Row]:
    """The rows with 09:30 <= t < 16:00 New York; the others are counted in `reading.outside_session`."""
    for row in rows:
        if in_regular_hours(_new_york_wall(row.ts, file_format.local_zone)):
            yield row
        else:
            reading.outside_session += 1


def _new_york_wall(ts: int, local_zone: str | None) -> int:
    if local_zone == NEW_YORK:
        return ts
    return wall_of(utc_of(ts, local_zone) if local_zone else ts, NEW_YORK)
