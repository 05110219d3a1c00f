"""Wall time of a zone <-> UTC in nanoseconds, and regular trading hours. Pure; offsets are looked up once an hour."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND

_HOUR = 3_600 * NANOSECONDS_PER_SECOND
_DAY = 24 * _HOUR
_MINUTE = 60 * NANOSECONDS_PER_SECOND
_OPEN, _CLOSE = (9 * 60 + 30) * _MINUTE, 16 * 60 * _MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4_096)
def _offset_at(zone: str, utc_hour: int) -> int:
    moment = _EPOCH + timedelta(hours=utc_hour)
    return _nanoseconds(moment.astimezone(ZoneInfo(zone)).utcoffset())


@lru_cache(maxsize=4_096)
def _offset_of_wall(zone: str, wall_hour: int) -> int:
    wall = (_EPOCH + timedelta(hours=wall_hour)).replace(tzinfo=ZoneInfo(zone))
    return _nanoseconds(wall.utcoffset())


def _nanoseconds(offset: timedelta | None) -> int:
    return int((offset or timedelta()).total_seconds()) * NANOSECONDS_PER_SECOND


def wall_of(utc: int, zone: str) -> int:
    """The wall time of `zone` at a UTC time, as nanoseconds since 1970-01-01 of that wall clock."""
    return utc + _offset_at(zone, utc // _HOUR)


def utc_of(wall: int, zone: str) -> int:
    """The UTC time of a wall time of `zone`; an hour that occurs twice is taken as the first."""
    return wall - _offset_of_wall(zone, wall // _HOUR)


def in_regular_hours(wall: int) -> bool:
    """Whether a wall time lies in 09:30 <= t < 16:00 (New York's regular session, on any day)."""
    return _OPEN <= wall % _DAY < _CLOSE
