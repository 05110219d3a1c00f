"""Times that clients send, read as RFC 3339 defines them. Pure."""

import re
from datetime import date
from typing import Final

from gateway.http.query import QueryReader
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND

_FORM: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_LEAP_CYCLE_YEARS: Final = 400
_LEAP_CYCLE_DAYS: Final = 146_097
_EXPECTED: Final = "an RFC 3339 date-time, e.g. 2024-08-08T14:30:00Z (write + as %2B)"


def moment(name: str, reader: QueryReader) -> int | None:
    """A time of a query in nanoseconds; None when absent or (with a problem noted) when it is none."""
    text = reader.text(name)
    if text is None:
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        reader.refuse(name, str(error), _EXPECTED)
        return None


def parse_moment(text: str) -> int:
    """Nanoseconds since the epoch (negative before it) of an RFC 3339 date-time with `Z` or an offset.

    All of section 5.6 is taken: years 0000 to 9999, second 60 (the next minute's first), any number of fraction
    digits (those after the ninth are cut). Raises `ValueError` for anything else.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 date-time with Z or an offset")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, _, sign, offset_hour, offset_minute = match.groups()[6:]
    ahead_hour, ahead_minute = int(offset_hour or 0), int(offset_minute or 0)
    if hour > 23 or minute > 59 or second > 60 or ahead_hour > 23 or ahead_minute > 59:
        raise ValueError("no such time of day")
    seconds = _days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
    ahead = ahead_hour * 3_600 + ahead_minute * 60
    seconds -= -ahead if sign == "-" else ahead
    return seconds * NANOSECONDS_PER_SECOND + int((fraction or "")[:9].ljust(9, "0"))


def _days(year: int, month: int, day: int) -> int:
    if year == 0:  # the Gregorian calendar repeats after 400 years
        return date(_LEAP_CYCLE_YEARS, month, day).toordinal() - _LEAP_CYCLE_DAYS - _EPOCH_DAY
    return date(year, month, day).toordinal() - _EPOCH_DAY
