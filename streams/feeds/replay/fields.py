"""Cells of a recorded file -> exact values. Pure; each raises `ValueError` with what is wrong, never rounds."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from streams.feeds.replay.rows import Side

NANOSECONDS_OF: dict[str, int] = {"s": NANOSECONDS_PER_SECOND, "ms": 1_000_000, "us": 1_000, "ns": 1}
_LATEST = 253_402_300_800 * NANOSECONDS_PER_SECOND
_LONGEST = 48
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,16})?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_UNITS = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DATE_IN_NAME = re.compile(r"(?<!\d)(\d{8})(?!\d)", re.ASCII)
_SIDES: dict[str, Side] = {"buy": "buy", "b": "buy", "sell": "sell", "s": "sell"}
_MAKER_SIDES: dict[str, Side] = {"true": "sell", "false": "buy"}


@lru_cache(maxsize=65_536)
def canonical_decimal(text: str) -> str:
    """The plain form with trailing zeros trimmed (`61837.63000000` -> `61837.63`, `1e-7` -> `0.0000001`), at most 48
    characters long. Raises `ValueError` for what is no number.
    """
    if not _PLAIN.fullmatch(text):
        text = _plain_form(text)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _plain_form(text: str) -> str:
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is not a number")
    plain = f"{Decimal(text.strip()):f}"
    if len(plain) > _LONGEST:
        raise ValueError(f"{text!r} has more than {_LONGEST} digits")
    return plain


@lru_cache(maxsize=65_536)
def canonical_size(text: str) -> str:
    """A canonical decimal that is not negative."""
    size = canonical_decimal(text)
    if size[0] == "-":
        raise ValueError(f"{text!r} is negative")
    return size


def exact_time(text: str, nanoseconds_per_unit: int) -> int:
    """Nanoseconds of a count of units, whose fraction (if any) must be whole nanoseconds."""
    if text.isascii() and text.isdigit():
        nanoseconds = int(text) * nanoseconds_per_unit
    else:
        nanoseconds = _fractional_time(text, nanoseconds_per_unit)
    if nanoseconds >= _LATEST:
        raise ValueError(f"{text!r} is after the year 9999 (is the unit right?)")
    return nanoseconds


def _fractional_time(text: str, nanoseconds_per_unit: int) -> int:
    match = _UNITS.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    whole, fraction = match.groups()
    digits = (fraction or "").rstrip("0")
    scaled = int(digits or 0) * nanoseconds_per_unit
    parts: int = 10 ** len(digits)
    nanoseconds, rest = divmod(scaled, parts)
    if rest:
        raise ValueError(f"{text!r} is finer than a nanosecond")
    return int(whole) * nanoseconds_per_unit + nanoseconds


@lru_cache(maxsize=4_096)
def _whole_seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def rfc3339_time(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time with an offset and up to nine fraction digits."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time")
    day, clock, fraction, offset = match.groups()
    seconds = _whole_seconds(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    if seconds < 0:
        raise ValueError(f"{text!r} is before 1970")
    return seconds * NANOSECONDS_PER_SECOND + int((fraction or "").ljust(9, "0"))


def side_of(text: str) -> Side:
    """The aggressor from `buy`/`sell` (or `b`/`s`, in any case)."""
    try:
        return _SIDES[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is not a side") from None


def side_of_maker(text: str) -> Side:
    """The aggressor from `buyer_is_maker`: a buyer who was the maker was hit by a seller."""
    try:
        return _MAKER_SIDES[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is not true or false") from None


def whole_number(text: str) -> int:
    """An id that fits a signed 64-bit integer."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) >= 2**63:
        raise ValueError(f"{text!r} is not a whole number below 2^63")
    return int(text)


def midnight_of_name(name: str) -> int | None:
    """Nanoseconds since the epoch of the UTC midnight of the `YYYYMMDD` in a file's name; None without one."""
    for digits in _DATE_IN_NAME.findall(name):
        try:
            day = datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007  (a date, no time)
        except ValueError:
            continue
        return midnight_of(day)
    return None


def midnight_of(day: date) -> int:
    """Nanoseconds since the epoch at which a UTC date begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NANOSECONDS_PER_SECOND
